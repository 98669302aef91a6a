"""What the threads of a process write down together: one of them does it for all that have come meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic
from typing import Any

AT_ONCE = 32
"""How much is written in one transaction."""


@dataclass(eq=False)
class Entry:
    """What one thread has to write, and whether that was done."""

    kind: object
    what: Any
    is_done: bool = False
    error: BaseException | None = None


@dataclass
class Scribe:
    """Puts what threads write in the same moment into one transaction. Thread-safe."""

    _entries: list[Entry] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)
    _is_writing: bool = False
    _wrote_at: float = float("-inf")

    def write(
        self,
        kind: object,
        what: Any,  # noqa: ANN401 - of any stage
        act: Callable[[Sequence[Any]], object],
        *,
        pause: float,
        shared: tuple[type[Exception], ...] = (),
    ) -> None:
        """Write something together with what else there is of its kind; raises what writing it alone has raised.

        `pause` in seconds lies between two transactions, for others to come along. An error that is `shared` would meet
        each of them alone as well: nobody tries that.
        """
        entry = Entry(kind, what)
        with self._changed:
            self._entries.append(entry)
            while self._is_writing and not entry.is_done:
                self._changed.wait()
            if not entry.is_done:
                self._is_writing = True
                self._wait_for_company(pause)
        if not entry.is_done:
            self._write_all(entry, act, shared)
        if entry.error is not None:
            raise entry.error

    def _wait_for_company(self, pause: float) -> None:
        until = self._wrote_at + pause
        while (left := until - monotonic()) > 0:
            self._changed.wait(left)

    def _write_all(
        self, mine: Entry, act: Callable[[Sequence[Any]], object], shared: tuple[type[Exception], ...]
    ) -> None:
        with self._changed:
            taken = [entry for entry in self._entries if entry.kind is mine.kind][:AT_ONCE]
            if mine not in taken:
                taken = [mine]
            self._entries = [entry for entry in self._entries if entry not in taken]
            self._wrote_at = monotonic()
        try:
            _write(taken, act, shared)
        except BaseException as error:
            for entry in taken:
                entry.error = error
            raise
        finally:
            with self._changed:
                for entry in taken:
                    entry.is_done = True
                self._is_writing = False
                self._changed.notify_all()


def _write(
    entries: Sequence[Entry], act: Callable[[Sequence[Any]], object], shared: tuple[type[Exception], ...]
) -> None:
    try:
        act([entry.what for entry in entries])
    except Exception as error:  # noqa: BLE001 - raised in the threads that it belongs to
        if len(entries) == 1 or isinstance(error, shared):
            for entry in entries:
                entry.error = error
            return
        for entry in entries:  # one of them may be why it failed
            _write([entry], act, shared)
