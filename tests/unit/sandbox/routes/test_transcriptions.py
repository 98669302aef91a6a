from typing import Any

import httpx
import pytest

from tests.support.sandbox_client import SYSTEM, Client, Sandboxes, code_of, hum, upload


def hear(client: Client, audio: bytes, **fields: str) -> httpx.Response:
    return client("POST", "/v1/audio/transcriptions", files={"file": ("a.mp3", audio, "audio/mpeg")}, data=fields)


def test_the_words_of_a_rendition_are_known_again(sandbox: Sandboxes) -> None:
    client = sandbox()
    audio = client.speak(SYSTEM, "Welcome to the show.").content
    body = hear(client, audio, language="en").json()
    assert body.items() >= {"text": "Welcome to the show.", "language": "en", "model": "whisper-v3-turbo"}.items()
    assert body["duration"] == pytest.approx(1.6)
    assert body["segments"][0]["text"] == "Welcome to the show."
    assert body["billing"] == {"billable_minutes": 1, "cost_usd": 0.0009, "balance_usd": 49.9963}


def test_a_recording_from_elsewhere_has_a_length_and_no_words(sandbox: Sandboxes) -> None:
    body = hear(sandbox(), hum(61)).json()
    assert (body["text"], body["segments"], body["billing"]["billable_minutes"]) == ("", [], 2)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("text", "Yes."),
        ("srt", "1\n00:00:00,000 --> 00:00:00,300\nYes.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:00.300\nYes.\n"),
    ],
)
def test_text_forms_carry_their_bill_in_headers(sandbox: Sandboxes, form: str, text: str) -> None:
    client = sandbox()
    answer = hear(client, client.speak(SYSTEM, "Yes.").content, response_format=form)
    assert answer.text == text
    assert answer.headers["x-kyma-duration-sec"] == "0.30"
    assert answer.headers["x-kyma-billable-minutes"] == "1"
    assert answer.headers["x-kyma-cost-usd"] == "0.0009"


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (upload(b"x") | {"data": {"model": "eleven-v3"}}, 400, "invalid_request"),
        (upload(b"x") | {"data": {"response_format": "docx"}}, 400, "invalid_request"),
        (upload(b""), 400, "invalid_request"),
        (upload(b"noise"), 400, "audio_unreadable"),
        (upload(b"fLaC"), 415, "invalid_request"),
        (upload(bytes(25_000_001)), 413, "invalid_request"),
        ({"json": {"audio_url": "https://example.com/a.mp3"}}, 400, "invalid_request"),
    ],
)
def test_a_refused_transcription_costs_nothing(
    sandbox: Sandboxes, options: dict[str, Any], status: int, code: str
) -> None:
    client = sandbox()
    answer = client("POST", "/v1/audio/transcriptions", **options)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert client.balance() == 50_000_000


def test_a_transcription_that_the_balance_does_not_cover_is_refused(sandbox: Sandboxes, recording: bytes) -> None:
    answer = hear(sandbox(keys=["key-ann=ann:4:0"]), recording)
    assert (answer.status_code, code_of(answer)) == (402, "billing_error")
