"""Measures one after the other."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.frame.figures import Figure, Outcome, Size
from benchmarks.frame.running import run_all, run_one


@dataclass
class Counted:
    """Waits, tidies up, and may fail."""

    name: str
    waits: float = 0.0
    fails: bool = False
    seconds: float = 30.0
    about: str = "a measure"
    tidied: list[str] = field(default_factory=list)

    def run(self, _size: Size) -> Sequence[Figure]:
        try:
            time.sleep(self.waits)
            if self.fails:
                raise RuntimeError("the stack did not start")
            return [Figure("count", 1.0)]
        finally:
            self.tidied.append(self.name)


def test_a_measure_that_fails_does_not_end_the_rest() -> None:
    reported: list[Outcome] = []
    outcomes = run_all([Counted("first", fails=True), Counted("second")], Size.QUICK, reported.append)
    assert [outcome.error is None for outcome in outcomes] == [False, True]
    assert "the stack did not start" in str(outcomes[0].error)
    assert reported == list(outcomes)


def test_a_measure_that_hangs_is_given_up_and_tidies_up() -> None:
    hanging = Counted("hanging", waits=30.0, seconds=0.02)
    started = time.monotonic()
    outcome = run_one(hanging, Size.QUICK)
    assert time.monotonic() - started < 10
    assert "given up" in str(outcome.error)
    assert hanging.tidied == ["hanging"]


def test_a_measure_in_time_is_not_interrupted_afterwards() -> None:
    outcome = run_one(Counted("quick"), Size.QUICK)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert (outcome.error, [figure.name for figure in outcome.figures]) == (None, ["count"])
