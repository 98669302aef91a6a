"""How far a pull is: a bar on a terminal, one line every few seconds off it."""

import time

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn

from pipeline.cli.bar import STEP_SECONDS, Bar
from pipeline.cli.console import say, talk


class PullProgress(Bar):
    """Counts files as they are done."""

    def __init__(self, total: int) -> None:
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn())
        super().__init__(*columns, total=total)
        self._done, self._total = 0, total
        self._began = self._told = time.monotonic()

    def advance(self) -> None:
        """Count a file."""
        self._done += 1
        self._bar.advance(self._task)
        now = time.monotonic()
        if not talk.is_terminal and now - self._told >= STEP_SECONDS:
            say(f"{now - self._began:6.1f} s  {self._done}/{self._total} files")
            self._told = now
