"""The quality gate on this machine: as many takes at once as there are cores."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

from pipeline.quality.examiner import Examiner

T = TypeVar("T")
R = TypeVar("R")


class Examiners:
    """Examiners that work side by side; what ends the work early drops what is not begun."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._free: SimpleQueue[Examiner] = SimpleQueue()

    def __enter__(self) -> Self:
        """Begin."""
        cores = os.cpu_count() or 1
        for _ in range(cores):
            self._free.put(self._opened.enter_context(Examiner()))
        self._threads = self._opened.enter_context(ThreadPoolExecutor(cores))
        self._opened.callback(self._threads.shutdown, wait=False, cancel_futures=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all children."""
        self._opened.close()

    def map(self, work: Callable[[Examiner, T], R], items: Iterable[T]) -> Iterator[R]:
        """Yield the work on each item in order."""

        def done(item: T) -> R:
            examiner = self._free.get()
            try:
                return work(examiner, item)
            finally:
                self._free.put(examiner)

        return self._threads.map(done, items)
