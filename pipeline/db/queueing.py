"""Who of a process's threads writes next, where the database lets one write at a time.

SQLite makes a writer that has to wait sleep for up to 100 ms before it looks again: whoever asks at the right moment
goes first, and of twenty threads one may wait for seconds.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock


class WriteQueue:
    """Lets the threads of a process through one by one, in the order they came. Not reentrant."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Event] = deque()
        self._is_taken = False

    @contextmanager
    def turn(self, *, first: bool = False) -> Iterator[None]:
        """Wait for this thread's turn and hold it; `first` goes before all who wait."""
        gate = self._join(first=first)
        if gate is not None:
            gate.wait()
        try:
            yield
        finally:
            self._hand_on()

    def _join(self, *, first: bool) -> Event | None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return None
            gate = Event()
            (self._waiting.appendleft if first else self._waiting.append)(gate)
            return gate

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # the turn goes from thread to thread: nobody can step in
            else:
                self._is_taken = False
