"""/metrics: for this machine or for who holds the token, and cheap however many ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline import metrics
from pipeline.api.app import create_app
from tests.integration.api.callers import Caller
from tests.support.stage import Stage

TOKEN = "a-token"


def asked(stage: Stage, *, token: str | None = None, **headers: str) -> httpx.Response:
    app = create_app(stage.edge, metrics_token=token)
    return Caller(app, stage).send("GET", "/metrics", headers=headers)


def test_this_machine_reads_them_in_prometheus_own_format(stranger: Caller) -> None:
    answer = stranger.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert {family.name.removesuffix("_total") for family in metrics.FAMILIES} <= set(found)
    assert found["callsheet_transfers"].type == "counter"
    assert found["callsheet_takes"].documentation
    assert "process_resident_memory_bytes" in found


@pytest.mark.parametrize("header", metrics.FORWARDED)
def test_whom_a_proxy_forwards_is_refused(stage: Stage, header: str) -> None:
    refused = asked(stage, **{header: "203.0.113.5"})
    assert refused.status_code == 401
    assert "CALLSHEET_METRICS_TOKEN" in refused.json()["error"]["hint"]


def test_with_a_token_only_its_holder_reads_them(stage: Stage) -> None:
    assert asked(stage, token=TOKEN).status_code == 401
    assert asked(stage, token=TOKEN, authorization="Bearer another").status_code == 401
    assert asked(stage, token=TOKEN, authorization=f"Bearer {TOKEN}", forwarded="for=203.0.113.5").status_code == 200


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::1", "a-name", None])
def test_another_machine_is_refused_without_a_token(peer: str | None) -> None:
    assert not metrics.may_look(None, {}, peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_has_more_than_one_address(peer: str) -> None:
    assert metrics.may_look(None, {}, peer)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    made: list[Session] = []
    read: Callable[[Session], list[metrics.Reading]] = metrics.snapshot

    def counted(session: Session) -> list[metrics.Reading]:
        made.append(session)
        return read(session)

    monkeypatch.setattr(metrics, "snapshot", counted)
    return made


def test_the_database_is_asked_once_for_all_who_look_at_about_the_same_time(
    stranger: Caller, readings: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        stranger.get("/metrics")
    assert len(readings) == 1
    monkeypatch.setattr("pipeline.api.metrics.KEPT_SECONDS", 0.0)
    stranger.get("/metrics")
    assert len(readings) == 2


def test_a_database_that_is_away_is_a_metric_and_no_error(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def away() -> Iterator[Session]:
        raise OperationalError("SELECT 1", {}, ConnectionError("gone"))
        yield

    monkeypatch.setattr(type(stage.edge), "read", lambda _edge: away())
    answer = asked(stage)
    assert answer.status_code == 200
    assert "callsheet_database_up 0.0" in answer.text
    assert "callsheet_takes" not in answer.text
