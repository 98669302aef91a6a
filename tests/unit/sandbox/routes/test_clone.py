from collections.abc import Callable
from typing import Any

import pytest

from tests.support.sandbox_client import Sandboxes, code_of, hum, upload


def test_a_clone_costs_2_10_and_says_so_everywhere(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    answer = client.clone(recording, name="brand-narrator")
    body = answer.json()
    assert answer.status_code == 200
    assert body.pop("voice_id").removeprefix("kyma_").isalnum()
    assert body == {"name": "brand-narrator", "model": "minimax-voice-clone", "cost_usd": 2.10, "balance_usd": 47.90}
    assert answer.headers["x-kyma-model"] == "minimax-voice-clone"
    assert answer.headers["x-kyma-cost-usd"] == "2.10"
    assert answer.headers["x-kyma-balance-usd"] == "47.90"
    assert [row["amount"] for row in client.ledger()["charges"]] == [2_100_000]


def test_a_clone_needs_no_name(sandbox: Sandboxes, recording: bytes) -> None:
    assert sandbox().clone(recording).json()["name"] is None


REFUSED_CLONES: dict[str, tuple[Callable[[bytes], dict[str, Any]], int, str]] = {
    "another model": (lambda wav: upload(wav) | {"data": {"model": "eleven-v3"}}, 400, "not_a_voice_clone_model"),
    "no file": (lambda _: {"files": {"other": ("x", b"x")}}, 400, "invalid_request"),
    "an empty file": (lambda _: upload(b""), 400, "invalid_request"),
    "no form": (lambda _: {"json": {"file": "x"}}, 400, "invalid_request"),
    "a broken form": (
        lambda _: {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        400,
        "invalid_request",
    ),
    "no boundary": (
        lambda _: {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "invalid_request",
    ),
    "a long name": (lambda wav: upload(wav) | {"data": {"name": "n" * 65}}, 400, "invalid_request"),
    "too short": (lambda _: upload(hum(9.9)), 400, "reference_too_short"),
    "too long": (lambda _: upload(hum(301)), 400, "reference_too_long"),
    "noise bytes": (lambda _: upload(b"noise" * 999), 400, "audio_unreadable"),
    "too large": (lambda _: upload(bytes(10_000_001)), 413, "invalid_request"),
    "far too large": (lambda _: upload(bytes(12_000_000)), 413, "invalid_request"),
    "a text": (lambda wav: upload(wav, "reference.wav", "text/plain"), 415, "invalid_request"),
    "no type for an unknown name": (
        lambda wav: upload(wav, "reference.bin", "application/octet-stream"),
        415,
        "invalid_request",
    ),
    "FLAC": (lambda _: upload(b"fLaC" + bytes(99), "reference.mp3", "audio/mpeg"), 415, "invalid_request"),
}


@pytest.mark.parametrize("case", REFUSED_CLONES)
def test_a_refused_clone_costs_nothing(sandbox: Sandboxes, recording: bytes, case: str) -> None:
    options, status, code = REFUSED_CLONES[case]
    client = sandbox()
    answer = client("POST", "/v1/audio/voice-clone", **options(recording))
    assert (answer.status_code, code_of(answer)) == (status, code)
    ledger = client.ledger()
    assert client.balance() == 50_000_000
    assert not ledger["voices"]
    assert [(row["status"], row["error_code"]) for row in ledger["calls"]] == [(status, code)]


def test_a_file_part_without_a_type_is_refused(sandbox: Sandboxes, recording: bytes) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="r.wav"\r\n\r\n' + recording + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert sandbox()("POST", "/v1/audio/voice-clone", content=body, headers=headers).status_code == 415


@pytest.mark.parametrize("seconds", [10, 300])
def test_the_shortest_and_the_longest_reference_are_taken(sandbox: Sandboxes, seconds: int) -> None:
    assert sandbox().clone(hum(seconds)).status_code == 200


def test_a_clone_that_the_balance_does_not_cover_is_refused(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(keys=["key-ann=ann:4:2.099999"])
    answer = client.clone(recording)
    assert (answer.status_code, code_of(answer)) == (402, "insufficient_credits")
    assert client.balance() == 2_099_999


def test_the_last_dollar_can_be_spent(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox(keys=["key-ann=ann:4:2.10"])
    assert client.clone(recording).json()["balance_usd"] == 0
    assert client.balance() == 0
