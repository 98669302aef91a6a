"""The threads pool, told at once when a thread is free again."""

from typing import Any

from celery.concurrency.thread import TaskPool
from kombu.asynchronous import get_event_loop


class WakingThreads(TaskPool):  # type: ignore[misc] # Celery publishes no annotations
    """Wakes the worker's event loop when a task has ended.

    With prefetch off a free thread is otherwise noticed when the loop next turns by itself, once a second: 8 threads
    on a 300 ms call made 8 calls a second.
    """

    def on_apply(self, *task: Any, **options: Any) -> Any:  # noqa: ANN401 - Celery's own arguments
        """Run a task in a thread."""
        applied = super().on_apply(*task, **options)
        applied.f.add_done_callback(_wake)
        return applied


def _wake(_ended: object) -> None:
    loop = get_event_loop()
    if loop is not None:
        loop.call_soon(_nothing)  # type: ignore[no-untyped-call] # no annotations


def _nothing() -> None:
    """Do nothing: that the loop turns is enough."""
