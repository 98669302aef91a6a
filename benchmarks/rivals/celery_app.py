"""Bare Celery: one task a line, messages decide.

With BENCH_LATE_ACK a message counts as done only after the task, which is how Celery survives the death of a worker.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from celery import Celery

from benchmarks.rivals.errand import Address, Errands

LATE = bool(os.environ.get("BENCH_LATE_ACK"))
app = Celery("bare", broker=os.environ["BENCH_BROKER_URL"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="bare",
    broker_connection_retry_on_startup=True,
    task_acks_late=LATE,
    task_reject_on_worker_lost=LATE,
    worker_prefetch_multiplier=1,
)
if "BENCH_VISIBILITY_SECONDS" in os.environ:
    app.conf.broker_transport_options = {"visibility_timeout": int(os.environ["BENCH_VISIBILITY_SECONDS"])}


@cache
def errands() -> Errands:
    """Return this process's connections."""
    return Errands(Address.told(), again=LATE)


@app.task(name="bare.speak")  # type: ignore[untyped-decorator] # no annotations
def speak(line: int) -> None:
    """Speak one line."""
    errands().speak(line)


def sender() -> AbstractContextManager[Callable[[int], object]]:
    """Return what sends a line."""
    return nullcontext(speak.delay)
