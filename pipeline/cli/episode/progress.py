"""How far the building of an episode is: a bar on a terminal, one line a step off it, by chapter where it mixes."""

import time
from collections.abc import Sequence

from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pipeline.cli.bar import STEP_SECONDS, Bar
from pipeline.cli.console import say, talk
from pipeline.packs.rules.episode.timeline import Chapter

STEPS = {
    "survey": "measuring takes",
    "words": "listening for words",
    "measure": "mixing",
    "write": "writing",
    "check": "checking what was written",
}


class BuildProgress(Bar):
    """Tells of the steps as they go on. `chapters` are shown once they are known."""

    def __init__(self) -> None:
        told = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        super().__init__(*told, TimeRemainingColumn())
        self.chapters: Sequence[Chapter] = ()
        self._step, self._told = "", 0.0

    def __call__(self, step: str, done: float, total: float) -> None:
        """Tell how much of a step is done, of how much: seconds of the episode, or takes."""
        told = STEPS[step] + self._chapter(step, done)
        self._bar.update(self._task, description=escape(told), completed=done, total=total)
        now = time.monotonic()
        if not talk.is_terminal and (step != self._step or now - self._told >= STEP_SECONDS):
            say(f"{escape(told)}: {done:.0f} of {total:.0f}{'' if step in {'survey', 'words'} else ' s'}")
            self._told = now
        self._step = step

    def _chapter(self, step: str, done: float) -> str:
        if step not in {"measure", "write"}:
            return ""
        here = next((number for number, one in enumerate(self.chapters) if one.start <= done < one.end), None)
        if here is None:
            return ""
        return f", chapter {here + 1} of {len(self.chapters)}: {self.chapters[here].title}"
