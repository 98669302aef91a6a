"""Takes into files, on all cores: decoding and encoding hold Python up, so they run in processes of their own."""

import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Self, TypeVar

from pipeline import audio
from pipeline.audio import Delivered, Delivery, Heard
from pipeline.errors import EnvironmentFault

T = TypeVar("T")
_WORTH_IT = 100
"""Lines from which on starting processes is won back: each costs as much as fifty lines."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Converter:
    """Measures and converts takes; call it from several threads at once. Processes start where many lines are due."""

    def __init__(self, due: int) -> None:
        self._pool: ProcessPoolExecutor | None = None
        if due >= _WORTH_IT and cores() > 1:
            self._pool = ProcessPoolExecutor(
                cores(),
                # A forked child would inherit locks that other threads hold.
                mp_context=multiprocessing.get_context("spawn"),
                # Ctrl-C reaches the whole group: the parent decides, and a file that is begun is finished.
                initializer=signal.signal,
                initargs=(signal.SIGINT, signal.SIG_IGN),
            )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let what is begun come to its end, and end the processes."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def deliver(self, take: bytes, coding: str, target: Path, wanted: Delivery) -> Delivered:
        """Write a take as the wanted file. Raises what `pipeline.audio.deliver` raises."""
        if self._pool is None:
            return audio.deliver(take, coding, target, wanted)
        return _result(self._pool.submit(audio.deliver, take, coding, target, wanted))

    def measure(self, take: bytes, coding: str) -> Heard:
        """Return how loud a take is. Raises `AudioRejected`."""
        if self._pool is None:
            return audio.measure_take(take, coding)
        return _result(self._pool.submit(audio.measure_take, take, coding))


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise EnvironmentFault(
            "A process that converts sound has died.", hint="Is there enough memory? Pull again: what is done is kept."
        ) from error
