import json
from typing import Any

import pytest

from pipeline.sandbox.media import FORMATS
from tests.support.sandbox_client import SYSTEM, Sandboxes, code_of

HD = {"model": "minimax-speech-hd", "voice_id": SYSTEM, "input": "Yes."}
DAY = 86_400


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_with_its_type_and_its_bill(sandbox: Sandboxes, name: str) -> None:
    client = sandbox()
    answer = client.speak(SYSTEM, "Welcome to the show.", response_format=name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FORMATS[name].content_type
    assert len(answer.content) == int(answer.headers["content-length"]) > 1000
    assert answer.headers["x-kyma-model"] == "minimax-speech-hd"
    assert answer.headers["x-kyma-chars-billed"] == "20"
    assert answer.headers["x-kyma-cost-usd"] == "0.0028"
    assert answer.headers["x-kyma-balance-usd"] == "49.9972"
    assert "not for release" in answer.headers["x-sandbox-voice"]
    assert answer.headers["x-sandbox-engine"] == "hum 1"


@pytest.mark.parametrize(
    ("model", "micros"),
    [
        ("minimax-speech-hd", 140),
        ("minimax-speech-turbo", 84),
        ("eleven-v3", 405),
        ("eleven-multilingual-v2", 405),
        ("eleven-flash-v2-5", 200),
        ("eleven-turbo-v2-5", 200),
    ],
)
def test_each_character_costs_what_its_model_costs(sandbox: Sandboxes, model: str, micros: int) -> None:
    client = sandbox()
    client.speak(SYSTEM, "Šest 🎙.", model=model)
    assert [(row["units"], row["amount"]) for row in client.ledger()["charges"]] == [(7, 7 * micros)]
    assert client.balance() == 50_000_000 - 7 * micros


def test_the_aliases_are_understood_and_the_model_has_a_default(sandbox: Sandboxes) -> None:
    answer = sandbox()("POST", "/v1/audio/speech", json={"text": "Yes.", "voice": SYSTEM})
    assert answer.headers["x-kyma-model"] == "eleven-multilingual-v2"
    assert answer.headers["content-type"] == "audio/mpeg"


def test_faster_speech_is_shorter_and_costs_the_same(sandbox: Sandboxes) -> None:
    client = sandbox()
    calm = client.speak(SYSTEM, "Welcome", response_format="pcm_24000")
    quick = client.speak(SYSTEM, "Welcome", response_format="pcm_24000", speed=2)
    assert len(quick.content) * 2 == len(calm.content)
    assert quick.headers["x-kyma-cost-usd"] == calm.headers["x-kyma-cost-usd"]


def test_a_streamed_answer_holds_the_same_bytes_without_a_length(sandbox: Sandboxes) -> None:
    client = sandbox()
    whole, streamed = client.speak(SYSTEM), client.speak(SYSTEM, stream=True)
    assert "content-length" not in streamed.headers
    assert streamed.content == whole.content
    assert streamed.headers["x-kyma-chars-billed"] == "20"


def test_five_thousand_characters_are_taken(sandbox: Sandboxes) -> None:
    assert sandbox().speak(SYSTEM, "a" + " " * 4999, response_format="pcm_16000").status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "minimax-voice-clone"}, "not_a_tts_model"),
        ({"model": "gpt"}, "not_a_tts_model"),
        ({"model": 1}, "not_a_tts_model"),
        ({"voice_id": None}, "voice_required"),
        ({"voice_id": ""}, "voice_required"),
        ({"input": "a" * 5001}, "input_too_long"),
        ({"input": None}, "invalid_request"),
        ({"input": " \n"}, "invalid_request"),
        ({"input": "..."}, "invalid_request"),
        ({"response_format": "flac"}, "invalid_request"),
        ({"response_format": []}, "invalid_request"),
        ({"speed": 0.49}, "invalid_request"),
        ({"speed": 2.01}, "invalid_request"),
        ({"speed": "fast"}, "invalid_request"),
        ({"speed": True}, "invalid_request"),
        ({"stream": "yes"}, "invalid_request"),
        ({"voice_settings": {"stability": 2}}, "invalid_request"),
        ({"voice_settings": {"use_speaker_boost": 1}}, "invalid_request"),
        ({"voice_settings": []}, "invalid_request"),
    ],
)
def test_refused_speech_costs_nothing(sandbox: Sandboxes, change: dict[str, Any], code: str) -> None:
    client = sandbox()
    answer = client("POST", "/v1/audio/speech", json=HD | change)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert client.balance() == 50_000_000


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(sandbox: Sandboxes, content: bytes) -> None:
    answer = sandbox()("POST", "/v1/audio/speech", content=content)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


def test_a_huge_json_body_is_refused(sandbox: Sandboxes) -> None:
    answer = sandbox()("POST", "/v1/audio/speech", content=json.dumps(HD | {"pad": "x" * 1_000_000}))
    assert (answer.status_code, code_of(answer)) == (413, "invalid_request")


def test_speech_that_the_balance_does_not_cover_is_refused(sandbox: Sandboxes) -> None:
    client = sandbox(keys=["key-ann=ann:4:0.000139"])
    answer = client.speak(SYSTEM, "a")
    assert (answer.status_code, code_of(answer)) == (402, "billing_error")


def test_another_users_voice_may_not_speak(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    voice = client.clone(recording).json()["voice_id"]
    answer = client.speak(voice, key="key-bob")
    assert answer.status_code == 403
    assert answer.json() == {
        "error": {
            "message": "Voice is not owned by this account",
            "type": "permission_error",
            "code": "voice_not_owned",
        }
    }
    assert client.balance("bob") == 50_000_000
    assert client.speak(voice).status_code == 200


def test_an_unknown_voice_goes_upstream_and_fails_there(sandbox: Sandboxes) -> None:
    answer = sandbox().speak("kyma_0000000000000000")
    assert (answer.status_code, code_of(answer)) == (502, "provider_error")


def test_a_clone_is_unknown_to_the_other_upstream(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    voice = client.clone(recording).json()["voice_id"]
    answer = client.speak(voice, model="eleven-v3")
    assert (answer.status_code, code_of(answer)) == (502, "provider_error")


@pytest.mark.parametrize("expire", [True, False])
def test_an_unused_clone_lives_seven_days_where_it_may_die_at_all(
    sandbox: Sandboxes, recording: bytes, *, expire: bool
) -> None:
    client = sandbox(expire_unused=expire, list_clones=True)
    used, unused = (client.clone(recording).json()["voice_id"] for _ in range(2))
    client.speak(used)
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 7 * DAY})
    assert client.speak(used).status_code == 200
    assert client.speak(unused).status_code == (502 if expire else 200)
    listed = {row["voice_id"] for row in client("GET", "/v1/audio/voices").json()["data"]}
    assert listed - {SYSTEM} == ({used} if expire else {used, unused})


AUDIO_POINTS = ("silent_audio", "cut_audio", "wrong_line", "clipped_audio", "long_audio")


@pytest.mark.parametrize("point", AUDIO_POINTS)
def test_a_bad_take_is_sold_as_a_good_one_and_the_log_knows_the_truth(sandbox: Sandboxes, point: str) -> None:
    client = sandbox()
    good = client.speak(SYSTEM)
    bad = client(
        "POST", "/v1/audio/speech", json=HD | {"input": "Welcome to the show."}, headers={"X-Sandbox-Fault": point}
    )
    assert bad.status_code == 200
    assert bad.headers["x-kyma-cost-usd"] == good.headers["x-kyma-cost-usd"]
    assert bad.content != good.content
    assert sorted(call["faults"] for call in client.ledger()["calls"]) == ["", point]


def test_a_seeded_share_of_the_lines_is_bad_and_each_line_is_logged_with_what_is_wrong(sandbox: Sandboxes) -> None:
    def faults(seed: int) -> dict[str, str]:
        client = sandbox(bad_audio="cut=0.3,long=0.2", bad_audio_seed=seed)
        client("POST", "/__sandbox__/reset", json={})
        texts = [f"Line {number}." for number in range(40)]
        for text in texts:
            assert client.speak(SYSTEM, text, response_format="pcm_16000").status_code == 200
        return dict(zip(texts, (call["faults"] for call in client.ledger()["calls"]), strict=True))

    first = faults(3)
    assert set(first.values()) == {"", "cut_audio", "long_audio"}
    assert first == faults(3) != faults(4)


def test_shares_set_at_run_time_hold_from_the_next_line_on(sandbox: Sandboxes) -> None:
    client = sandbox()
    client.speak(SYSTEM)
    assert client("POST", "/__sandbox__/options", json={"bad_audio": "wrong_line=1"}).status_code == 200
    client.speak(SYSTEM)
    assert [call["faults"] for call in client.ledger()["calls"]] == ["", "wrong_line"]
