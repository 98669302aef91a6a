"""A bar that shows how far a piece of work is, where somebody watches."""

from types import TracebackType
from typing import Self

from rich.progress import Progress, ProgressColumn

from pipeline.cli.console import talk

STEP_SECONDS = 5.0
"""Off a terminal a line is written no more often than this."""


class Bar:
    """Shown while it is entered, gone afterwards; nothing off a terminal."""

    def __init__(self, *columns: ProgressColumn, total: float | None = None) -> None:
        self._bar = Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal)
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        """Show it."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        self._bar.stop()
