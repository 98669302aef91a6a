from typing import Any

import httpx
import pytest

from pipeline.sandbox import book
from pipeline.sandbox.book import Sale
from pipeline.sandbox.media import decode
from tests.support.sandbox_client import BOB, SYSTEM, Client, MiniMaxClient, Sandboxes, number

MARA = "callsheet-mara-g1"
DAY = 86_400


def charges(client: Client, operation: str) -> list[int]:
    return [row["amount"] for row in client.ledger()["charges"] if row["operation"] == operation]


def first_words_at_once(client: Client, recording: bytes) -> list[int]:
    """Speak with a new voice twice at the same time and return the fees charged."""
    MiniMaxClient(client).clone(recording, MARA)
    body = {"model": "speech-2.8-hd", "text": "Welcome.", "voice_setting": {"voice_id": MARA}}
    answers = client.at_once(*[("POST", "/v1/t2a_v2", {"json": body})] * 2)
    assert [number(answer.json()) for answer in answers] == [0, 0]
    return charges(client, "voice-clone")


def test_speech_is_hex_and_tells_its_length_size_and_characters(sandbox: Sandboxes) -> None:
    client = sandbox()
    said = MiniMaxClient(client).speak(SYSTEM, "Welcome, 旅人.")
    audio = bytes.fromhex(said["data"]["audio"])

    assert decode(audio).seconds * 1000 == pytest.approx(said["extra_info"]["audio_length"], abs=150)
    assert said["extra_info"] | {"audio_length": 0, "word_count": 0} == {
        "audio_length": 0,
        "audio_sample_rate": 32_000,
        "audio_size": len(audio),
        "bitrate": 128_000,
        "word_count": 0,
        "invisible_character_ratio": 0,
        "usage_characters": 14,
        "audio_format": "mp3",
        "audio_channel": 1,
    }
    assert charges(client, "speech") == [1400]


def test_the_first_words_pay_for_the_voice_and_the_next_do_not(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)
    for _ in range(2):
        minimax.speak(MARA, "Hm.")

    assert charges(client, "voice-clone") == [1_500_000]
    assert charges(client, "speech") == [300, 300]
    assert client.balance() == 50_000_000 - 1_500_600
    balances = [row["balance_after"] for row in client.ledger()["charges"]]
    assert balances == [49_999_700, 48_499_700, 48_499_400]


def test_two_first_words_at_once_pay_for_the_voice_once(sandbox: Sandboxes, recording: bytes) -> None:
    assert first_words_at_once(sandbox(), recording) == [1_500_000]


def test_a_fee_that_is_looked_up_and_not_taken_is_paid_twice(
    sandbox: Sandboxes, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(_: object, voice_id: str | None) -> list[Sale]:
        return [Sale("voice-clone", "voice_clone", 1, 1_500_000, voice_id)]

    monkeypatch.setattr(book, "_take_fee", look_up)

    assert first_words_at_once(sandbox(), recording) == [1_500_000] * 2


def test_without_money_for_fee_and_words_nothing_is_charged(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(keys=("key-ann=ann:4:1.50",))
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)

    assert number(minimax.speak(MARA, "Hm.")) == 1008
    assert client.ledger()["charges"] == []
    client("POST", "/__sandbox__/credit", json={"user": "ann", "micros": 300})
    assert number(minimax.speak(MARA, "Hm.")) == 0
    assert client.balance() == 0


def test_a_voice_that_was_silent_for_seven_days_is_gone_and_its_id_with_it(
    sandbox: Sandboxes, recording: bytes
) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 7 * DAY - 60})
    minimax.clone(recording, "callsheet-mara-g2")
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 61})

    assert number(minimax.speak(MARA)) == 2054
    assert number(minimax.clone(recording, MARA)) == 2039
    assert number(minimax.speak("callsheet-mara-g2")) == 0
    assert charges(client, "voice-clone") == [1_500_000]


def test_a_voice_that_spoke_in_time_lives_on(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)
    minimax.speak(MARA)
    client("POST", "/__sandbox__/clock", json={"advance_seconds": 400 * DAY})

    assert number(minimax.speak(MARA)) == 0


def test_nobody_speaks_with_somebody_elses_voice_or_with_none(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    MiniMaxClient(client).clone(recording, MARA)

    assert number(MiniMaxClient(client, BOB).speak(MARA)) == 2042
    assert number(MiniMaxClient(client).speak("nobody-at-all")) == 2054


@pytest.mark.parametrize(
    "setting",
    [
        {"format": form, "sample_rate": rate}
        for form in ("mp3", "wav")
        for rate in (8_000, 16_000, 22_050, 24_000, 44_100)
    ],
)
def test_each_form_has_the_rate_it_was_asked_for(sandbox: Sandboxes, setting: dict[str, Any]) -> None:
    said = MiniMaxClient(sandbox()).speak(SYSTEM, audio_setting=setting | {"bitrate": 256_000})
    audio = bytes.fromhex(said["data"]["audio"])

    assert said["extra_info"]["audio_sample_rate"] == setting["sample_rate"]
    assert decode(audio).seconds * 1000 == pytest.approx(said["extra_info"]["audio_length"], abs=200)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "speech-3"},
        {"text": ""},
        {"text": "x" * 10_000},
        {"stream": True},
        {"output_format": "url"},
        {"voice_setting": {}},
        {"voice_setting": "mara"},
        {"voice_setting": {"voice_id": SYSTEM, "speed": 2.1}},
        {"audio_setting": {"format": "flac"}},
        {"audio_setting": {"format": ["mp3"]}},
        {"audio_setting": {"sample_rate": 48_000}},
        {"audio_setting": {"sample_rate": 32_000.0}},
        {"audio_setting": {"bitrate": 192_000}},
        {"audio_setting": {"channel": 2}},
    ],
)
def test_what_is_not_offered_is_refused_and_free(sandbox: Sandboxes, wrong: dict[str, Any]) -> None:
    client = sandbox()

    assert number(MiniMaxClient(client).speak(SYSTEM, **wrong)) == 2013
    assert client.ledger()["charges"] == []


def test_sixty_lines_are_allowed_a_minute(sandbox: Sandboxes) -> None:
    minimax = MiniMaxClient(sandbox())

    assert [number(minimax("t2a_v2", {})) for _ in range(61)] == [2013] * 60 + [1002]


def test_a_cut_connection_after_the_charge_leaves_the_charge(sandbox: Sandboxes) -> None:
    client = sandbox()
    client("POST", "/__sandbox__/faults", json={"faults": [{"point": "reset_after_charge", "route": "/t2a_v2"}]})
    with pytest.raises((ConnectionResetError, httpx.HTTPError)):
        MiniMaxClient(client).speak(SYSTEM)

    assert len(client.ledger()["charges"]) == 1
