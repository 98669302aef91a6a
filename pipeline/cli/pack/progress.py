"""How far a pull is: a bar on a terminal, one line every few seconds off it."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from pipeline.cli.console import say, talk

STEP_SECONDS = 5.0


class PullProgress:
    """Counts files as they are done."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total
        self._began = self._told = time.monotonic()
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal)
        self._task = self._bar.add_task("files", total=total)

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        self._bar.stop()

    def advance(self) -> None:
        """Count a file."""
        self._done += 1
        self._bar.advance(self._task)
        now = time.monotonic()
        if not talk.is_terminal and now - self._told >= STEP_SECONDS:
            say(f"{now - self._began:6.1f} s  {self._done}/{self._total} files")
            self._told = now
