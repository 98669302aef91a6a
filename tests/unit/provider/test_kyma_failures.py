"""Every documented refusal and every transport failure, each against a real socket: its class, and one POST."""

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.provider import exchange
from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    ContentBlocked,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)
from pipeline.provider.exchange import Timeouts
from pipeline.provider.kyma import Kyma
from pipeline.provider.port import CloneRequest, DesignRequest, SpeechRequest
from tests.support.ports import free_port
from tests.support.stub_http import (
    Script,
    answering,
    breaking_off,
    close,
    http,
    refuse_early,
    reset,
    silence,
    stub_server,
)

KEY = "kyma-planted-secret-key-0123456789"
QUICK = Timeouts(connect=0.3, pool=0.2, write=0.3, voice=0.3, speech=0.3, read=0.3)
PATIENT = Timeouts(connect=5, pool=5, write=10, voice=10, speech=10, read=10)
PAID = {"X_Kyma_Cost_USD": "2.10", "X_Kyma_Balance_USD": "47.90"}
HTML = "<html><head><title>x</title><style>b{}</style></head><body><h1>502 Bad Gateway</h1></body></html>"


def refusal(status: int, code: str | None = None, **headers: str) -> bytes:
    error = {"message": f"because of {KEY}", "type": "some_error", **({"code": code} if code else {})}
    return http(status, json.dumps({"error": error}), **headers)


def clone(kyma: Kyma, size: int = 1000) -> object:
    reference = io.BytesIO(b"R" * size)
    return kyma.create_voice(CloneRequest(reference, "mara.mp3", "audio/mpeg", "mara~00000001", "minimax-voice-clone"))


def clone_large(kyma: Kyma) -> object:
    return clone(kyma, 9_500_000)


def design(kyma: Kyma) -> object:
    return kyma.design_voice(DesignRequest("An old sailor", "sailor~00000002", "minimax-voice-design"))


def speak(kyma: Kyma) -> object:
    return kyma.synthesize(SpeechRequest("minimax-speech-hd", "Welcome.", "kyma_3f8e2a1b4c9d7e60", "mp3"))


def ask(kyma: Kyma) -> object:
    return kyma.account()


@dataclass(frozen=True)
class Row:
    name: str
    call: Callable[[Kyma], object]
    script: Script
    meaning: type[ProviderError]
    said: Mapping[str, Any] = field(default_factory=dict)
    before_body: Callable[[socket.socket], None] | None = None
    timeouts: Timeouts = PATIENT


def answered(
    call: Callable[[Kyma], object], status: int, code: str | None, meaning: type[ProviderError], **said: object
) -> Row:
    expected = {"http_status": status, "provider_code": code or "some_error", **said}
    return Row(f"{call.__name__}: {status} {code}", call, answering(refusal(status, code)), meaning, expected)


TRUNCATED_VOICE = http(200, '{"voice_id":"kyma_3f8e', claimed_length=200, **PAID)
TRUNCATED_AUDIO = http(200, b"ID3", content_type="audio/mpeg", claimed_length=9000, X_Kyma_Cost_USD="0.0014")
HTML_502 = http(502, HTML, content_type="text/html")
SLOW_DOWN = refusal(429, None, Retry_After="3")

ROWS = [
    # Documented answers to a clone.
    answered(clone, 400, "not_a_voice_clone_model", Refused),
    answered(clone, 400, "invalid_request", Refused),
    answered(clone, 400, "reference_too_short", Refused),
    answered(clone, 400, "reference_too_long", Refused),
    answered(clone, 400, "audio_unreadable", Refused),
    answered(clone, 401, "auth_error", AccountBlocked),
    answered(clone, 402, "insufficient_credits", AccountBlocked),
    answered(clone, 403, "permission_error", AccountBlocked),
    answered(clone, 413, "invalid_request", Refused),
    answered(clone, 415, "invalid_request", Refused),
    answered(clone, 429, None, RateLimited),
    answered(clone, 500, "ownership_write_failed", SafeRetry, charged_micros=None),
    answered(clone, 502, "provider_error", Ambiguous),
    # Answers to a clone that no page mentions.
    answered(clone, 404, "not_found", Ambiguous),
    answered(clone, 409, "conflict", Ambiguous),
    answered(clone, 500, "internal_error", Ambiguous),
    answered(clone, 503, "upstream_error", Ambiguous),
    answered(clone, 504, None, Ambiguous),
    Row("clone: html 502", clone, answering(HTML_502), Ambiguous, {"http_status": 502, "provider_code": None}),
    Row("clone: redirect", clone, answering(http(307, Location="http://127.0.0.1:9/v1")), Ambiguous),
    Row("clone: redirect to nowhere", clone, answering(http(307, Location="http://[")), Ambiguous),
    Row("clone: 200 html", clone, answering(http(200, HTML, **PAID)), Ambiguous, {"charged_micros": 2_100_000}),
    Row(
        "clone: 200 without id",
        clone,
        answering(http(200, '{"cost_usd":2.1}')),
        Ambiguous,
        {"charged_micros": 2_100_000},
    ),
    Row("clone: 200 odd id", clone, answering(http(200, '{"voice_id":"a b"}')), Ambiguous, {"charged_micros": None}),
    Row("clone: 502 naming a voice", clone, answering(http(502, '{"voice_id":"kyma_3f8e2a1b4c9d7e60"}')), Ambiguous),
    Row(
        "clone: 402 naming a voice", clone, answering(http(402, '{"voice_id":"kyma_3f8e2a1b4c9d7e60"}')), AccountBlocked
    ),
    Row("clone: 204", clone, answering(http(204)), Ambiguous),
    Row(
        "clone: truncated 200",
        clone,
        breaking_off(TRUNCATED_VOICE),
        Ambiguous,
        {"http_status": 200, "charged_micros": 2_100_000, "raw": '{"voice_id":"kyma_3f8e'},
    ),
    # Documented answers to a design.
    answered(design, 400, "not_a_voice_design_model", Refused),
    answered(design, 400, "description_too_long", Refused),
    answered(design, 400, "invalid_request", Refused),
    answered(design, 402, "insufficient_credits", AccountBlocked),
    answered(design, 500, "ownership_write_failed", SafeRetry),
    answered(design, 502, "provider_error", Ambiguous),
    # Documented answers to speech.
    answered(speak, 400, "not_a_tts_model", Refused),
    answered(speak, 400, "voice_required", Refused),
    answered(speak, 400, "input_too_long", Refused),
    answered(speak, 400, "invalid_request", Refused),
    answered(speak, 400, "content_policy_violation", ContentBlocked),
    answered(speak, 401, "auth_error", AccountBlocked),
    answered(speak, 402, "billing_error", AccountBlocked),
    answered(speak, 402, "insufficient_balance", AccountBlocked),
    answered(speak, 403, "voice_not_owned", VoiceGone),
    answered(speak, 502, "provider_error", ProviderFailed),
    answered(speak, 503, None, ProviderFailed),
    Row("speak: 429", speak, answering(SLOW_DOWN), RateLimited, {"retry_after": 3.0}),
    Row("speak: html 502", speak, answering(HTML_502), ProviderFailed, {"http_status": 502}),
    Row(
        "speak: json instead of audio",
        speak,
        answering(http(200, "{}", X_Kyma_Cost_USD="0.00114")),
        ProviderFailed,
        {"charged_micros": 1140},
    ),
    Row(
        "speak: no content type",
        speak,
        answering(http(200, b"ID3", content_type=None)),
        ProviderFailed,
        {"charged_micros": None},
    ),
    Row(
        "speak: empty audio",
        speak,
        answering(http(200, b"", content_type="audio/mpeg", X_Kyma_Cost_USD="0.00114")),
        ProviderFailed,
        {"charged_micros": 1140},
    ),
    Row("speak: truncated 200", speak, breaking_off(TRUNCATED_AUDIO), Ambiguous, {"charged_micros": 1400}),
    # Answers to a question.
    answered(ask, 401, "auth_error", AccountBlocked),
    answered(ask, 500, None, ProviderFailed),
    Row("ask: html", ask, answering(http(200, HTML, content_type="text/html")), ProviderFailed),
    # No answer.
    Row("clone: reset after the request", clone, reset, Ambiguous, {"http_status": None}),
    Row("clone: closed without answer", clone, close, Ambiguous, {"http_status": None}),
    Row("clone: reset within the body", clone_large, close, Ambiguous, before_body=reset),
    Row("clone: silence", clone, silence, Ambiguous, timeouts=QUICK),
    Row("clone: not an HTTP answer", clone, breaking_off(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Ambiguous),
    Row(
        "clone: early 413",
        clone_large,
        close,
        Refused,
        {"http_status": 413},
        before_body=refuse_early(refusal(413, "invalid_request")),
    ),
    Row("design: reset after the request", design, reset, Ambiguous),
    Row("speak: reset after the request", speak, reset, Ambiguous),
    Row("speak: closed without answer", speak, close, Ambiguous),
    Row("speak: silence", speak, silence, Ambiguous, timeouts=QUICK),
    Row("ask: reset", ask, reset, ProviderFailed),
]


@contextmanager
def kyma_at(url: str, timeouts: Timeouts = PATIENT) -> Iterator[Kyma]:
    kyma = Kyma(name="sandbox", base_url=url, api_key=KEY, timeouts=timeouts)
    try:
        yield kyma
    finally:
        kyma.close()


def failure_of(call: Callable[[Kyma], object], url: str, timeouts: Timeouts = PATIENT) -> ProviderError:
    with kyma_at(url, timeouts) as kyma, pytest.raises(ProviderError) as caught:
        call(kyma)
    assert_no_secret(caught.value)
    return caught.value


def assert_no_secret(error: BaseException) -> None:
    while error is not None:
        assert KEY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_ending_has_its_class_and_is_sent_once(row: Row) -> None:
    with stub_server(row.script, before_body=row.before_body) as stub:
        error = failure_of(row.call, stub.url, row.timeouts)

        assert type(error) is row.meaning, error
        assert len(stub.requests) == 1
        assert stub.connections == 1
        assert {name: getattr(error, name) for name in row.said} == dict(row.said)


def test_every_class_of_the_error_tree_is_met_on_the_wire() -> None:
    met = {row.meaning for row in ROWS} | {NotSent}

    assert met == {
        AccountBlocked, Ambiguous, ContentBlocked, NotSent, ProviderFailed, RateLimited, Refused, SafeRetry, VoiceGone,
    }  # fmt: skip


@pytest.mark.parametrize("call", [clone, design, speak, ask])
def test_a_refused_connection_has_sent_nothing(call: Callable[[Kyma], object]) -> None:
    error = failure_of(call, f"http://127.0.0.1:{free_port()}/v1")

    assert type(error) is NotSent
    assert "Connection refused" in error.message


@pytest.mark.parametrize("call", [clone, speak])
def test_an_unknown_host_has_been_sent_nothing(call: Callable[[Kyma], object], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)

    assert type(failure_of(call, "http://kyma.test/v1")) is NotSent


def test_a_host_that_does_not_take_the_connection_has_been_sent_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for queued in waiting:
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())

        error = failure_of(clone, f"http://127.0.0.1:{listener.getsockname()[1]}/v1", QUICK)

        for queued in waiting:
            queued.close()
    assert type(error) is NotSent


def test_a_full_connection_pool_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SPEECH_CONNECTIONS", 1)
    arrived, released = threading.Event(), threading.Event()

    def hold(connection: socket.socket, _: object) -> None:
        arrived.set()
        released.wait(10)
        connection.sendall(http(200, b"ID3", content_type="audio/mpeg"))

    timeouts = Timeouts(pool=0.1, speech=10)
    with stub_server(hold) as stub, kyma_at(stub.url, timeouts) as kyma:
        first = threading.Thread(target=speak, args=(kyma,))
        first.start()
        assert arrived.wait(10)
        with pytest.raises(NotSent, match="PoolTimeout"):
            speak(kyma)
        released.set()
        first.join(10)
        assert stub.posts == 1


def test_a_server_that_stops_reading_the_reference_leaves_the_clone_ambiguous() -> None:
    released = threading.Event()

    def stall(_: socket.socket) -> None:
        released.wait(10)

    with stub_server(close, before_body=stall) as stub:
        error = failure_of(clone_large, stub.url, QUICK)
        released.set()

        assert type(error) is Ambiguous
        assert "WriteTimeout" in error.message
        assert stub.posts == 1


def test_an_answer_that_drips_for_ever_ends_at_the_time_limit() -> None:
    def drip(connection: socket.socket, _: object) -> None:
        connection.sendall(http(200, b"", content_type="audio/mpeg", claimed_length=100_000, X_Kyma_Cost_USD="0.5"))
        for _ in range(200):
            connection.sendall(b"x")
            if released.wait(0.02):
                return

    released = threading.Event()
    with stub_server(drip) as stub:
        error = failure_of(speak, stub.url, QUICK)
        released.set()

    assert type(error) is Ambiguous
    assert "not complete after 0.3 s" in error.message
    assert error.charged_micros == 500_000


def test_an_answer_beyond_any_use_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.provider.client.LONGEST_JSON_BYTES", 1000)
    with stub_server(answering(http(200, "[" * 5000))) as stub:
        assert type(failure_of(clone, stub.url)) is Ambiguous


def test_a_broken_off_answer_that_names_the_voice_whole_is_an_answer() -> None:
    said = '{"voice_id":"kyma_3f8e2a1b4c9d7e60","name":"mara~00000001"}'
    with stub_server(breaking_off(http(200, said, claimed_length=500, **PAID))) as stub, kyma_at(stub.url) as kyma:
        voice = clone(kyma)

    assert voice.provider_voice_id == "kyma_3f8e2a1b4c9d7e60"
    assert voice.cost.charged_micros == 2_100_000


def test_an_html_page_is_shown_by_its_text() -> None:
    with stub_server(answering(HTML_502)) as stub:
        assert "502 Bad Gateway. It may be asked" in failure_of(speak, stub.url).message


def test_a_key_that_a_server_echoes_is_blotted_out() -> None:
    with stub_server(answering(refusal(401, f"bad-{KEY}"))) as stub:
        error = failure_of(speak, stub.url)

    assert "because of [key]" in error.message
    assert "because of [key]" in error.raw
    assert error.provider_code == "bad-[key]"


@pytest.mark.parametrize("body", [r'{"error": {"message": "half \ud800 and \u0000 nothing"}}', "<p>bad \x00 page</p>"])
def test_what_no_database_takes_as_text_does_not_get_into_what_is_kept(body: str) -> None:
    with stub_server(answering(http(400, body))) as stub:
        error = failure_of(clone, stub.url)

    for kept in (error.message, error.raw):
        assert "\x00" not in kept
        kept.encode()
