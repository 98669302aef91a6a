"""Says what happens to the stack, one line each time it changes."""

from collections.abc import Callable, Sequence

from workers.stack.record import PartState

Report = Callable[[str], None]


class Narrator:
    """Compares what it sees with what it has told."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[str, PartState] = {}

    def tell(self, parts: Sequence[PartState]) -> None:
        """Report what is new in these states."""
        news = [line for part in parts if (line := self._news(part))]
        self._told = {part.name: part for part in parts}
        waiting = [part.name for part in parts if not part.ready]
        if news:
            self._report("; ".join(news) + (f"; waiting for {', '.join(waiting)}" if waiting else ""))

    def _news(self, part: PartState) -> str | None:
        before = self._told.get(part.name, PartState(part.name))
        if part.ready and not before.ready:
            took = f" ({part.ready_seconds:.2f} s)" if part.ready_seconds is not None else ""
            return f"{part.name} {'done' if part.runs_once else 'ready'}{took}"
        if part.restarts > before.restarts or (before.ready and not part.ready):
            return f"{part.name} ended with {part.last_exit} and is started again"
        return None
