from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from pipeline import errors
from pipeline.api.app import create_app
from pipeline.api.bodies import LARGEST_BODY
from pipeline.errors import CallsheetError
from pipeline.ledger.models import PriceList
from pipeline.provider.errors import AccountBlocked, NotSent, ProviderError
from pipeline.storage.port import StoreUnavailable
from tests.integration.api.callers import FILES, Caller, error, sha256
from tests.support.stage import Stage

ONE_FILE = {"files": [{"sha256": sha256(b"x"), "bytes": 1}]}


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CallsheetError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_keeps_its_code_status_hint_and_facts(stage: Stage, kind: type[CallsheetError]) -> None:
    app = create_app(stage.edge)

    def fails() -> None:
        raise kind("It is so.", hint="Do this.", measured=7, half="\ud800")

    app.add_api_route("/fails", fails)
    answer = Caller(app, stage).get("/fails")
    assert answer.status_code == kind.http_status
    told = error(answer)
    assert told == {"code": kind.code, "message": "It is so.", "hint": "Do this.", "measured": 7, "half": "\ud800"}


def test_a_path_that_leads_nowhere_is_an_error_like_any_other(stranger: Caller) -> None:
    for path in ("/", "/v2/runs", "/v1/run", "/v1/productions//lines", "/docs"):
        answer = stranger.get(path)
        assert (answer.status_code, error(answer)["code"]) == (404, "not_found")
    assert "/v1/run" in error(stranger.get("/v1/run"))["message"]


def test_a_method_that_a_path_does_not_take_is_named_with_those_it_takes(stranger: Caller) -> None:
    answer = stranger.send("DELETE", "/v1/runs")
    assert (answer.status_code, error(answer)["code"]) == (405, "invalid_request")
    assert answer.headers["allow"] in {"GET", "POST", "GET, POST", "POST, GET"}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b'{"files": 1}', "body.files"),
        (b'{"files": [{"sha256": "abc", "bytes": 1}]}', "body.files.0.sha256"),
        (b'{"files": [{"sha256": "%s", "bytes": 1, "name": "x"}]}' % (b"0" * 64), "body.files.0.name"),
        (b'{"files": [], "\\ud800": 1}', "body"),
        (b"\xff\xfe", "body"),
    ],
    ids=str,
)
def test_a_body_that_is_not_as_it_should_be_is_refused_at_its_place(studio: Caller, body: bytes, place: str) -> None:
    answer = studio.send("POST", "/v1/uploads", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    told = error(answer)
    assert told["code"] == "invalid_request"
    assert place in told["message"]
    assert "openapi" in told["hint"]


@pytest.mark.parametrize("wrong", [NotSent("connection refused"), AccountBlocked("no credit")], ids=lambda e: e.kind)
def test_system_voices_of_a_provider_that_is_away_are_an_error_with_a_code(
    studio: Caller, stage: Stage, monkeypatch: pytest.MonkeyPatch, wrong: ProviderError
) -> None:
    def away() -> None:
        raise wrong

    monkeypatch.setattr(stage.provider, "system_voices", away)
    answer = studio.get("/v1/system-voices")
    assert answer.status_code == 503
    told = error(answer)
    assert (told["code"], told["cause"]) == ("environment", wrong.kind)
    assert wrong.message in told["message"]
    assert "doctor" in told["hint"]


def test_a_bucket_that_is_away_is_an_error_with_a_code(
    studio: Caller, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_key: str) -> None:
        raise StoreUnavailable("The store is away.")

    monkeypatch.setattr(stage.store, "head", away)
    answer = studio.post("/v1/uploads", ONE_FILE)
    assert (answer.status_code, error(answer)["code"]) == (503, "environment")


def test_a_database_that_is_away_is_told_without_its_statements(studio: Caller, stage: Stage) -> None:
    app = create_app(replace(stage.edge, database=_Broken()))  # type: ignore[arg-type] # only what a request asks of it
    answer = replace(studio, app=app).get("/v1/runs")
    assert (answer.status_code, error(answer)["code"]) == (503, "environment")
    assert "secret" not in answer.text


class _Broken:
    def read(self) -> None:
        raise OperationalError("SELECT secret FROM keys", {}, OSError("gone"))


def test_a_fault_of_the_api_itself_shows_no_insides(
    studio: Caller, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("secret at line 7")

    monkeypatch.setattr(stage.provider, "system_voices", broken)
    answer = studio.get("/v1/system-voices")
    assert (answer.status_code, error(answer)["code"]) == (500, "error")
    assert "secret" not in answer.text


def test_two_requests_that_write_the_same_at_once_are_a_conflict(studio: Caller, stage: Stage) -> None:
    with stage.database.engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER twin BEFORE INSERT ON productions BEGIN SELECT RAISE(ABORT, 'x'); END"))
    studio.upload()
    answer = studio.start()
    assert (answer.status_code, error(answer)["code"]) == (409, "conflict")


def test_without_a_price_list_nothing_can_be_planned(studio: Caller, stage: Stage) -> None:
    with stage.database.write() as session:
        session.query(PriceList).delete()
    for answer in (studio.plan(), studio.start(FILES)):
        assert (answer.status_code, error(answer)["code"]) == (503, "environment")


def test_a_body_that_is_too_large_is_refused_while_it_comes_in(studio: Caller) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 2 * LARGEST_BODY:
            read += 1 << 20
            yield b" " * (1 << 20)

    answer = studio.send("POST", "/v1/plans", content=endless(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, error(answer)["code"]) == (413, "invalid_request")
    assert f"{LARGEST_BODY:,} bytes" in error(answer)["message"]
    assert read <= LARGEST_BODY + (1 << 20)


def test_a_database_that_stumbles_is_in_the_log_by_route_and_class(
    studio: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise OperationalError("SELECT :text", {"text": "a line of a script"}, ConnectionError("gone"))

    monkeypatch.setattr("pipeline.views.productions", stumble)
    with capture_logs() as logged:
        assert studio.get("/v1/productions").status_code == 503
    (line,) = [line for line in logged if line["event"] == "request_failed"]
    assert (line["method"], line["route"]) == ("GET", "/productions")
    assert isinstance(line["exc_info"], OperationalError)
