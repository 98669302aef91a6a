from tests.support.sandbox_client import Sandboxes, code_of


def test_idempotency_keys_are_ignored_as_the_vendor_does(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    ids = {client.clone(recording, idempotency_key="once").json()["voice_id"] for _ in range(2)}
    assert len(ids) == len(client.ledger()["charges"]) == 2


def test_an_honoured_key_buys_once(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(idempotency=True)
    first, again = (client.clone(recording, name="hero", idempotency_key="once") for _ in range(2))
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert len(client.ledger()["charges"]) == 1
    assert client.clone(recording, "key-bob", idempotency_key="once").json()["voice_id"] != first.json()["voice_id"]


def test_an_honoured_key_refuses_another_request(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(idempotency=True)
    client.clone(recording, idempotency_key="once")
    answer = client.clone(recording, name="another", idempotency_key="once")
    assert (answer.status_code, code_of(answer)) == (409, "idempotency_conflict")


def test_the_key_may_come_in_a_header_and_one_works_at_a_time(sandbox: Sandboxes) -> None:
    client = sandbox(idempotency=True, latency_ms=50)
    request = ("POST", "/v1/audio/voice-design", {"json": {"description": "deep", "idempotency_key": "once"}})
    answers = client.at_once(request, request)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    headers = {"Idempotency-Key": "once"}
    again = client("POST", "/v1/audio/voice-design", json={"description": "deep"}, headers=headers)
    assert again.headers["idempotent-replay"] == "true"
