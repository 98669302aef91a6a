"""Tasks are logged and measured from outside, and no line of a log quotes what a script says."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from celery import states
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.edge import Admission, Edge
from pipeline.gate import Wish
from pipeline.settings import Settings
from workers.serving import logs
from workers.serving.following import Follower, MeasuredEdge
from workers.serving.logs import places
from workers.serving.metrics import OTHER, ProcessMetrics, WorkerMetrics

CANARY = "the quick canary sings at dawn"
ROW = "take_01jd3v8q4k"


@pytest.fixture
def counted() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def written(counted: list[tuple[str, str]]) -> Iterator[io.StringIO]:
    """Logs as a worker writes them, kept."""
    root, kept = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    logs.set_up(Settings(log_format="json"), "worker", lambda event, said: counted.append((event, said)), stream=kept)
    yield kept
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def a_task(name: str = "speech.speak") -> Any:
    return SimpleNamespace(name=name)


def test_every_line_of_a_task_names_it_and_its_row(written: io.StringIO) -> None:
    follower = Follower(WorkerMetrics(1))
    follower.begins(a_task(), args=[ROW])
    structlog.get_logger().warning("audio_waits", bytes=3)
    logging.getLogger("kombu").warning("a line of a library's own")
    follower.ends(a_task(), state=states.SUCCESS, retval=None)
    structlog.get_logger().info("idle")
    told = lines(written)
    assert [line["event"] for line in told] == ["audio_waits", "a line of a library's own", "task_done", "idle"]
    assert [(line.get("task"), line.get("row")) for line in told] == [("speech.speak", ROW)] * 3 + [(None, None)]
    assert all(line["part"] == "worker" and line["level"] and line["timestamp"] for line in told)


def test_a_failed_task_is_told_by_class_and_place(written: io.StringIO) -> None:
    metrics = WorkerMetrics(1)
    follower = Follower(metrics)
    follower.begins(a_task(), args=[ROW])
    try:
        Settings(worker_threads=0)  # raised by a library, called from here
        pytest.fail("that is no number of threads")
    except ValueError as error:
        follower.ends(a_task(), state=states.FAILURE, retval=error)
    (line,) = lines(written)
    assert (line["event"], line["error"], line["row"]) == ("task_failed", "ValidationError", ROW)
    assert value(metrics.registry, "callsheet_tasks_failed_total", task="speech.speak", error="ValidationError") == 1
    assert value(metrics.registry, "callsheet_tasks_running", task="speech.speak") == 0
    assert value(metrics.registry, "callsheet_task_seconds_count", task="speech.speak") == 1


def failed_statement() -> SQLAlchemyError:
    try:
        with create_engine("sqlite://").connect() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (:text)"), {"text": CANARY})
    except SQLAlchemyError as error:
        return error
    raise AssertionError("there is no such table")


def test_what_an_error_quotes_is_not_written(written: io.StringIO) -> None:
    error = failed_statement()
    assert CANARY in str(error), "else this shows nothing"
    structlog.get_logger().warning("sweep_failed", detail=str(error))
    structlog.get_logger().error("broken", exc_info=error)
    logging.getLogger("celery").error("raised", exc_info=(type(error), error, error.__traceback__))
    follower = Follower(WorkerMetrics(1))
    follower.begins(a_task(), args=[ROW])
    follower.ends(a_task(), state=states.FAILURE, retval=error)
    assert len(lines(written)) == 4
    assert CANARY not in written.getvalue()


def test_without_that_it_would_be_written(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "keep_short", lambda _logger, _method, event: event)
    logs.set_up(Settings(log_format="json"), "worker", stream=written)
    structlog.get_logger().warning("sweep_failed", detail=str(failed_statement()))
    assert CANARY in written.getvalue()


def test_places_are_those_of_our_own_code() -> None:
    with pytest.raises(AttributeError) as raised:
        logs.keep_short(None, "", 3)  # type: ignore[arg-type]
    (place,) = places(raised.value)
    assert place.startswith("workers/serving/logs.py:")
    assert place.endswith(" keep_short")
    with pytest.raises(ValueError, match="invalid literal") as raised_elsewhere:
        int("x")
    assert places(raised_elsewhere.value) == []


def test_libraries_are_heard_when_they_warn(written: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST http://signed.invalid/?X-Amz-Signature=1")
    logging.getLogger("celery.worker.strategy").info("Task received")
    logging.getLogger("celery.app.trace").error("Task raised unexpected: %s", CANARY)
    logging.getLogger("celery.worker.consumer").info("Connected")
    assert [line["event"] for line in lines(written)] == ["Connected"]


def test_lines_are_counted_by_event_and_a_text_is_no_label(
    written: io.StringIO, counted: list[tuple[str, str]]
) -> None:
    structlog.get_logger().warning("hint_not_sent")
    assert counted == [("hint_not_sent", "warning")]
    metrics = ProcessMetrics()
    for event, level in (*counted, (CANARY, "info")):
        metrics.note_event(event, level)
    assert value(metrics.registry, "callsheet_log_events_total", event="hint_not_sent", level="warning") == 1
    assert value(metrics.registry, "callsheet_log_events_total", event=OTHER, level="info") == 1
    assert written


class Door(Edge):
    """An edge that lets through, or does not."""

    def admit(self, wish: Wish[Any, Any]) -> Any:
        return Admission(wish.job, 1) if wish.seconds > 0 else None


@pytest.mark.parametrize(("seconds", "outcome"), [(1.0, "granted"), (0.0, "denied")])
def test_the_wait_for_a_permit_is_measured_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch, seconds: float, outcome: str
) -> None:
    monkeypatch.setattr(Edge, "admit", Door.admit)
    metrics = WorkerMetrics(1)
    given = dict.fromkeys(Edge.__dataclass_fields__)
    edge = MeasuredEdge.over(Edge(**given), metrics, holder="wrk_1")  # type: ignore[arg-type]
    admission = edge.admit(Wish(lambda _session, jobs, _holder, _seconds: jobs, "job", seconds))
    assert edge.holder == "wrk_1"
    assert (admission.claim if admission else None) == ("job" if outcome == "granted" else None)
    assert value(metrics.registry, "callsheet_permit_wait_seconds_count", outcome=outcome) == 1
