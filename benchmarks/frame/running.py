"""Runs measures one after the other; none that fails or hangs ends the rest."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

from benchmarks.frame.figures import Figure, Measure, Outcome, Size

PATIENCE = {Size.QUICK: 3.0, Size.FULL: 15.0}
"""A measure that takes so many times as long as its quick size on an idle machine is given up."""


class TookTooLongError(Exception):
    """A measure has not come to an end."""


def run_all(measures: Iterable[Measure], size: Size, report: Callable[[Outcome], None]) -> Sequence[Outcome]:
    """Run them, and report each as it ends."""
    outcomes = []
    for measure in measures:
        outcome = run_one(measure, size)
        outcomes.append(outcome)
        report(outcome)
    return outcomes


def run_one(measure: Measure, size: Size) -> Outcome:
    """Run one; what it stumbles over becomes part of its outcome."""
    busy, started = os.getloadavg()[0], time.monotonic()
    figures: Sequence[Figure] = ()
    error = None
    try:
        with _ending_after(measure.seconds * PATIENCE[size]):
            figures = measure.run(size)
    except Exception as stumbled:  # noqa: BLE001 - the other measures are worth having
        error = f"{type(stumbled).__name__}: {stumbled}\n{_where(stumbled)}"
    return Outcome(
        measure=measure.name,
        about=measure.about,
        size=size,
        day=datetime.now(UTC).date().isoformat(),
        cores=os.cpu_count() or 1,
        load=round(busy, 2),
        seconds=round(time.monotonic() - started, 1),
        figures=figures,
        error=error,
    )


@contextmanager
def _ending_after(seconds: float) -> Iterator[None]:
    """Raise in this thread when the time is up, so that whatever was started is ended on the way out."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLongError(f"given up after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"at {last.filename}:{last.lineno}"
