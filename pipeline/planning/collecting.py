"""Python's search for garbage in cycles, made rare while a million lines pass through."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

RARELY = 20_000
"""New objects after which Python looks for cycles: no line is part of one, and each look goes through all that wait.

With its own 700 it spends a seventh of an import on looking.
"""


class Collections:
    """Makes collections rare while anybody asks for it. Shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asking = 0
        self._usual = gc.get_threshold()

    @contextmanager
    def rare(self) -> Iterator[None]:
        """Let Python look for cycles every `RARELY` objects, and as before once the last who asked has left."""
        with self._lock:
            if not self._asking:
                self._usual = gc.get_threshold()
                first, *others = self._usual
                gc.set_threshold(max(RARELY, first) if first else 0, *others)  # with 0 somebody has turned it off
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1
                if not self._asking:
                    gc.set_threshold(*self._usual)


COLLECTIONS = Collections()
