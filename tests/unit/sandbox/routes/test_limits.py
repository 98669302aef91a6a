from tests.support.sandbox_client import SYSTEM, Sandboxes, code_of

HD = {"model": "minimax-speech-hd", "voice_id": SYSTEM, "input": "Yes."}


def test_the_thirty_first_request_of_a_minute_is_refused_and_reading_is_free(sandbox: Sandboxes) -> None:
    client = sandbox(keys=["key-bob=bob:0:50"])
    models = ("minimax-speech-hd", "minimax-speech-turbo")
    statuses = [client.speak(SYSTEM, "a", "key-bob", model=models[n % 2]).status_code for n in range(30)]
    refused = client.speak(SYSTEM, "a", "key-bob")
    assert set(statuses) == {200}
    assert refused.status_code == 429
    assert refused.json() == {
        "error": {
            "message": "Rate limit exceeded (30 requests/minute). Try again in a few seconds.",
            "type": "rate_limit",
        }
    }
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client("GET", "/v1/credits/balance", "key-bob").status_code == 200
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 60})
    assert client.speak(SYSTEM, "a", "key-bob").status_code == 200


def test_tier_0_has_one_minimax_call_in_flight_and_the_next_is_refused(sandbox: Sandboxes) -> None:
    client = sandbox(latency_ms=50)
    speech = ("POST", "/v1/audio/speech", {"json": HD})
    answers = client.at_once(speech, speech, speech, key="key-bob")
    assert sorted(answer.status_code for answer in answers) == [200, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert code_of(refused) == "too_many_concurrent_requests"
    assert refused.headers["retry-after"] == "1"
    assert len(client.ledger()["charges"]) == 1


def test_calls_at_once_cannot_spend_more_than_the_balance(sandbox: Sandboxes) -> None:
    client = sandbox(keys=["key-ann=ann:4:0.0014"], latency_ms=20)
    speech = ("POST", "/v1/audio/speech", {"json": HD | {"input": "abcd"}})
    answers = client.at_once(*[speech] * 8)
    assert sorted(answer.status_code for answer in answers) == [200, 200, *[402] * 6]
    assert client.balance() == 1400 - 2 * 560
