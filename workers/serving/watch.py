"""A worker that has lost its broker without noticing ends itself, and whoever supervises it starts another."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread

import structlog
from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_shutdown, worker_shutting_down
from kombu.exceptions import OperationalError

from workers.binding import STOP_MARGIN_SECONDS

LOOK_SECONDS = 5.0
STUCK_SECONDS = 60.0
"""Longer than any reconnect takes, and than a message may wait for a thread that is free."""

log = structlog.get_logger()


class Watch:
    """Looks whether tasks are begun while messages wait and a thread is free for them."""

    def __init__(self, waiting: Callable[[], int], threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._waiting = waiting
        self._threads = threads
        self._clock = clock
        self._lock = Lock()
        self._running = 0
        self._stuck_since: float | None = None

    @property
    def running(self) -> int:
        """Return how many tasks are under way."""
        return self._running

    def task_begins(self, **_signal: object) -> None:
        """Note that a message has become a task."""
        with self._lock:
            self._running += 1
            self._stuck_since = None

    def task_ends(self, **_signal: object) -> None:
        """Note that its thread is free again."""
        with self._lock:
            self._running -= 1

    def is_stuck(self) -> bool:
        """Tell whether work has waited beside a free thread for too long, as far as the looks have seen."""
        try:
            is_waiting = self._waiting() > 0
        except (OperationalError, OSError):
            is_waiting = False  # without a broker there is nothing to take up, and waiting for it is right
        with self._lock:
            if not is_waiting or self._running >= self._threads:
                self._stuck_since = None
                return False
            if self._stuck_since is None:
                self._stuck_since = self._clock()
            return self._clock() - self._stuck_since >= STUCK_SECONDS


def start_watch(app: Celery, queues: Iterable[str], threads: int) -> None:
    """Watch this worker from a thread of its own until it is stopped."""
    names, stopping, ended = tuple(queues), Event(), Event()
    watch = Watch(lambda: messages_waiting(app, names), threads)
    task_prerun.connect(watch.task_begins, weak=False)
    task_postrun.connect(watch.task_ends, weak=False)
    worker_shutting_down.connect(lambda **_: stopping.set(), weak=False)
    worker_shutdown.connect(lambda **_: ended.set(), weak=False)

    def look() -> None:
        while not stopping.wait(LOOK_SECONDS):
            if watch.is_stuck():
                log.error("worker_stuck", running=watch.running, seconds=STUCK_SECONDS)
                _end(app.conf.worker_soft_shutdown_timeout if watch.running else STOP_MARGIN_SECONDS, ended)

    Thread(target=look, name="watch", daemon=True).start()


def messages_waiting(app: Celery, queues: Iterable[str]) -> int:
    """Return how many messages wait at the broker.

    Raises:
        OperationalError: the broker is away.
    """
    with app.connection_for_read(transport_options={"max_retries": 0}) as connection:
        client = connection.default_channel.client
        return sum(client.llen(name) for name in queues)


def _end(patience: float, ended: Event) -> None:
    """End as on any stop: calls under way have been paid. A worker that does not even notice that is cut off."""
    os.kill(os.getpid(), signal.SIGTERM)
    if not ended.wait(patience):
        os._exit(1)
