"""Each fault point against a real process: what the caller sees, and what the ledger holds afterwards."""

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.sandbox import RunningSandbox

SPEECH = "/v1/audio/speech"
CLONE = "/v1/audio/voice-clone"
LINE = {"model": "minimax-speech-hd", "input": "Welcome.", "voice_id": "English_Archivist"}
PRICE = {SPEECH: 8 * 140, CLONE: 2_100_000}
PAID = (SPEECH, CLONE)

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(sandbox: RunningSandbox, http: httpx.Client, reference: bytes) -> Send:
    """Return a function that makes a paid call under a fault."""

    def call(route: str, fault: str = "", user: str = "ann", **options: Any) -> httpx.Response:
        headers = sandbox.auth(user) | ({"X-Sandbox-Fault": fault} if fault else {})
        body = {"json": LINE} if route == SPEECH else {"files": {"file": ("reference.mp3", reference, "audio/mpeg")}}
        return http.post(sandbox.base_url + route, headers=headers, **body, **options)

    return call


def charged(sandbox: RunningSandbox) -> list[int]:
    return [row["amount"] for row in sandbox.ledger()["charges"]]


def only_call(sandbox: RunningSandbox) -> dict[str, Any]:
    (call,) = sandbox.ledger()["calls"]
    return call


def until(seen: Callable[[], Any]) -> Any:
    """Ask again until there is something; asking takes milliseconds."""
    deadline = time.monotonic() + 15
    while not (found := seen()):
        assert time.monotonic() < deadline, "it did not happen within 15 s"
    return found


@pytest.mark.parametrize("route", PAID)
@pytest.mark.parametrize(
    ("fault", "charges", "status"),
    [("reset_before", 0, None), ("reset_after_upstream", 0, None), ("reset_after_charge", 1, 200)],
)
def test_a_reset_leaves_no_answer(
    sandbox: RunningSandbox, send: Send, route: str, fault: str, charges: int, status: int | None
) -> None:
    with pytest.raises(httpx.ReadError):
        send(route, fault)
    call = until(lambda: only_call(sandbox)["delivery"] == "reset" and only_call(sandbox))
    assert charged(sandbox) == [PRICE[route]] * charges
    assert (call["status"], call["faults"], call["vanished"]) == (status, fault, 0)
    assert len(sandbox.ledger()["voices"]) == (charges if route == CLONE else 0)


def test_a_reset_is_one_on_the_wire(sandbox: RunningSandbox) -> None:
    address = urlsplit(sandbox.base_url)
    with socket.create_connection((address.hostname, address.port)) as raw:
        head = "GET /v1/credits/balance HTTP/1.1\r\nHost: x\r\nX-Sandbox-Fault: reset_before\r\n\r\n"
        raw.sendall(head.encode())
        with pytest.raises(ConnectionResetError):
            raw.recv(1)


@pytest.mark.parametrize("route", PAID)
def test_a_truncated_body_comes_with_its_bill(
    sandbox: RunningSandbox, http: httpx.Client, route: str, reference: bytes
) -> None:
    options = {"json": LINE} if route == SPEECH else {"files": {"file": ("r.mp3", reference, "audio/mpeg")}}
    headers = sandbox.auth("ann") | {"X-Sandbox-Fault": "truncate_body"}
    got: list[bytes] = []
    with http.stream("POST", sandbox.base_url + route, headers=headers, **options) as answer:
        assert answer.status_code == 200
        assert float(answer.headers["x-kyma-cost-usd"]) * 1_000_000 == pytest.approx(PRICE[route])
        with pytest.raises(httpx.RemoteProtocolError):
            got.extend(answer.iter_raw())
    assert sum(map(len, got)) == int(answer.headers["content-length"]) // 2
    assert charged(sandbox) == [PRICE[route]]
    assert only_call(sandbox)["delivery"] == "truncated"


@pytest.mark.parametrize("route", PAID)
def test_a_caller_who_gives_up_on_a_hanging_answer_has_paid(sandbox: RunningSandbox, send: Send, route: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        send(route, "hang_after_charge:60", timeout=httpx.Timeout(20, read=1.5))
    call = until(lambda: only_call(sandbox)["delivery"] == "vanished" and only_call(sandbox))
    assert charged(sandbox) == [PRICE[route]]
    assert (call["status"], call["vanished"], call["charged"]) == (200, 1, PRICE[route])


def test_a_hang_that_is_waited_for_ends_in_the_answer(sandbox: RunningSandbox, send: Send) -> None:
    began = time.monotonic()
    assert send(SPEECH, "hang_after_charge:0.3").status_code == 200
    assert time.monotonic() - began >= 0.3
    assert only_call(sandbox)["delivery"] == "answered"


@pytest.mark.parametrize("route", PAID)
@pytest.mark.parametrize(
    ("fault", "status", "charges"),
    [("502_json", 502, 0), ("502_html", 502, 0), ("502_after_charge", 502, 1), ("429:7", 429, 0), ("402", 402, 0)],
)
def test_an_answer_that_is_an_error_says_nothing_of_the_charge(
    sandbox: RunningSandbox, send: Send, route: str, fault: str, status: int, charges: int
) -> None:
    answer = send(route, fault)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    is_html = answer.headers["content-type"].startswith("text/html")
    assert is_html == (fault == "502_html")
    assert is_html or "error" in answer.json()
    assert charged(sandbox) == [PRICE[route]] * charges
    assert only_call(sandbox)["status"] == status


@pytest.mark.parametrize(("route", "code"), [(SPEECH, "billing_error"), (CLONE, "insufficient_credits")])
def test_no_funds_has_the_code_of_its_route(send: Send, route: str, code: str) -> None:
    assert send(route, "402").json()["error"]["code"] == code


def test_a_failed_ownership_write_charges_nothing_and_may_be_retried(sandbox: RunningSandbox, send: Send) -> None:
    answer = send(CLONE, "ownership_write_failed")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "ownership_write_failed")
    assert charged(sandbox) == []
    assert not sandbox.ledger()["voices"]
    assert send(CLONE).status_code == 200
    assert charged(sandbox) == [PRICE[CLONE]]


@pytest.mark.parametrize("route", PAID)
def test_slow_is_slow_and_otherwise_right(sandbox: RunningSandbox, send: Send, route: str) -> None:
    began = time.monotonic()
    assert send(route, "slow:0.4").status_code == 200
    assert time.monotonic() - began >= 0.4
    assert charged(sandbox) == [PRICE[route]]


def test_a_wrong_content_type_hides_real_audio(sandbox: RunningSandbox, send: Send) -> None:
    answer = send(SPEECH, "wrong_content_type")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.content[:3] == b"ID3"
    assert charged(sandbox) == [PRICE[SPEECH]]


def test_empty_audio_is_charged_all_the_same(sandbox: RunningSandbox, send: Send) -> None:
    answer = send(SPEECH, "empty_audio")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert charged(sandbox) == [PRICE[SPEECH]]


def test_reading_breaks_too(sandbox: RunningSandbox, http: httpx.Client) -> None:
    url = f"{sandbox.base_url}/v1/credits/balance"
    with pytest.raises(httpx.ReadError):
        http.get(url, headers=sandbox.auth("ann") | {"X-Sandbox-Fault": "reset_after_charge"})
    answer = http.get(url, headers=sandbox.auth("ann") | {"X-Sandbox-Fault": "502_html"})
    assert answer.status_code == 502


def test_rules_break_the_route_they_name_by_count_and_by_coin(sandbox: RunningSandbox, send: Send) -> None:
    sandbox.break_at(
        {"point": "502_json", "route": CLONE, "count": 1},
        {"point": "402", "route": SPEECH, "probability": 0.5, "seed": 3},
    )
    assert [send(CLONE).status_code for _ in range(2)] == [502, 200]
    statuses = [send(SPEECH).status_code for _ in range(20)]
    assert 3 <= statuses.count(402) <= 17
    sandbox.break_at()
    assert send(SPEECH).status_code == 200


def test_the_server_serves_on_after_faults(send: Send) -> None:
    for fault in ("402", "502_json", "429:1", "empty_audio", "wrong_content_type"):
        send(SPEECH, fault)
    with pytest.raises(httpx.ReadError):
        send(SPEECH, "reset_before")
    assert send(SPEECH).status_code == 200


def test_a_caller_who_leaves_holds_the_place_until_the_upstream_is_done(sandbox: RunningSandbox, send: Send) -> None:
    with pytest.raises(httpx.ReadTimeout):
        send(SPEECH, "slow:2", "bob", timeout=httpx.Timeout(20, read=0.3))
    until(lambda: only_call(sandbox)["vanished"])
    assert sandbox.state()["in_flight"] == {"bob/minimax": 1}
    assert send(SPEECH, user="bob").status_code == 429
    until(lambda: sandbox.state()["in_flight"] == {})
    assert send(SPEECH, user="bob").status_code == 200
    left, refused, served = sandbox.ledger()["calls"]
    assert (left["delivery"], left["vanished"], left["charged"]) == ("vanished", 1, PRICE[SPEECH])
    assert (refused["status"], served["status"]) == (429, 200)


def test_a_caller_who_leaves_in_the_middle_of_an_upload_frees_the_place_and_pays_nothing(
    sandbox: RunningSandbox,
) -> None:
    address = urlsplit(sandbox.base_url)
    head = (
        f"POST {CLONE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.keys['bob']}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n--x\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as raw:
        raw.sendall(head.encode())
        until(lambda: sandbox.state()["in_flight"] == {"bob/minimax": 1})
    until(lambda: sandbox.state()["in_flight"] == {})
    assert charged(sandbox) == []
    call = only_call(sandbox)
    assert (call["user"], call["delivery"], call["vanished"]) == ("bob", "vanished", 1)
