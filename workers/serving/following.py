"""Follows the tasks of a worker through Celery's signals: each is logged and measured, and no task knows of it."""

import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import structlog
from celery import Task, states
from celery.signals import setup_logging, task_postrun, task_prerun
from structlog.contextvars import bind_contextvars, clear_contextvars

from pipeline.edge import Admission, Edge
from pipeline.gate import Wish
from workers.serving.logs import places
from workers.serving.metrics import WorkerMetrics

J = TypeVar("J")
C = TypeVar("C")

log = structlog.get_logger()


def follow_tasks(metrics: WorkerMetrics) -> None:
    """Log and measure every task from now on; Celery leaves the logs to us."""
    follower = Follower(metrics)
    setup_logging.connect(_leave_logs_alone, weak=False)
    task_prerun.connect(follower.begins, weak=False)
    task_postrun.connect(follower.ends, weak=False)


class Follower:
    """Told of every task's begin and end, in the thread that runs it."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._thread = threading.local()

    def begins(self, task: Task, args: Sequence[Any] = (), **_signal: object) -> None:
        """Let each line that this thread writes name the task and its row."""
        self._thread.started = time.monotonic()
        bind_contextvars(task=task.name, row=args[0] if args else None)
        self._metrics.task_begins(task.name)

    def ends(self, task: Task, state: str, retval: object, **_signal: object) -> None:
        """Tell how the task has ended: its error by class and place, never by what it says."""
        seconds = time.monotonic() - getattr(self._thread, "started", time.monotonic())
        error = retval if state == states.FAILURE and isinstance(retval, BaseException) else None
        self._metrics.task_ends(task.name, seconds, error)
        if error is None:
            log.info("task_done", seconds=round(seconds, 3))
        else:
            log.warning("task_failed", seconds=round(seconds, 3), error=type(error).__name__, where=places(error))
        clear_contextvars()


class MeasuredEdge(Edge):
    """An edge that tells how long permits are waited for."""

    metrics: WorkerMetrics

    @classmethod
    def over(cls, edge: Edge, metrics: WorkerMetrics, *, holder: str) -> "MeasuredEdge":
        """Return the edge for tasks that claim rows under `holder`."""
        given = {field.name: getattr(edge, field.name) for field in fields(edge)}
        measured = cls(**given | {"holder": holder})
        object.__setattr__(measured, "metrics", metrics)
        return measured

    def admit(self, wish: Wish[J, C]) -> Admission[C] | None:
        """Wait for a permit and a claim, as `Edge.admit` does."""
        asked_at = time.monotonic()
        admission = super().admit(wish)
        self.metrics.waited(time.monotonic() - asked_at, granted=admission is not None)
        return admission


def _leave_logs_alone(**_signal: object) -> None:
    """Keep Celery from setting logs up: it does unless somebody else has."""
