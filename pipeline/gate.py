"""Where the threads of one process wait for a permit: one of them asks, the others stand behind it.

A call that ends hands its slot to the next thread at once. Through the database it would be free for everybody a
commit later, and taken another one after that; on a provider that allows one call at a time nothing is done meanwhile.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition, Lock

KEPT_SECONDS = 2.0
"""For how long a slot goes from thread to thread before other processes may take it; less than they wait for one."""


@dataclass(frozen=True)
class Held:
    """A slot that this process holds, and since when by `time.monotonic()`."""

    slot: int
    since: float


class Gate:
    """The threads of a process that wait for a permit. Thread-safe."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._handed_on = Condition()
        self._waiting = 0
        self._wants_slot = True
        self._handed: deque[Held] = deque()

    def enter(self, seconds: float) -> bool:
        """Wait to be the one that asks, and tell whether this thread is it; `leave` in either case."""
        with self._handed_on:
            self._waiting += 1
        return self._turn.acquire(timeout=max(seconds, 0))

    def leave(self, *, asked: bool) -> Sequence[Held]:
        """Let the next thread ask, and return the slots that nobody waits for any more."""
        if asked:
            self._turn.release()
        with self._handed_on:
            self._waiting -= 1
            return [self._handed.popleft() for _ in range(len(self._handed) - self._waiting)]

    def hand(self, held: Held) -> bool:
        """Hand a slot on; False where nobody here waits for one, or it was kept from other processes long enough."""
        with self._handed_on:
            is_wanted = self._wants_slot and len(self._handed) < self._waiting
            if not is_wanted or time.monotonic() - held.since > KEPT_SECONDS:
                return False
            self._handed.append(held)
            self._handed_on.notify()
            return True

    def take(self, seconds: float, *, wants_slot: bool) -> Held | None:
        """Return a slot that was handed on; wait for so long, for one or, where none is wanted, for time to pass."""
        with self._handed_on:
            self._wants_slot = wants_slot
            if not self._handed and seconds > 0:
                self._handed_on.wait(seconds)
            return self._handed.popleft() if self._handed else None
