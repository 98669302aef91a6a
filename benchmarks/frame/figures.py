"""What a benchmark is, and what comes out of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Size(StrEnum):
    """How much a measure does: `quick` shows a regression, `full` is what is published."""

    QUICK = "quick"
    FULL = "full"


class Better(StrEnum):
    """In which direction a figure improves."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True)
class Bar:
    """What a figure has to reach, `bound` included."""

    better: Better
    bound: float

    def is_met(self, value: float) -> bool:
        """Tell whether a value reaches it."""
        return value >= self.bound if self.better is Better.HIGHER else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.better is Better.HIGHER else '≤'} {self.bound:g}"


def at_least(bound: float) -> Bar:
    """Ask for this much or more."""
    return Bar(Better.HIGHER, bound)


def at_most(bound: float) -> Bar:
    """Ask for this much or less."""
    return Bar(Better.LOWER, bound)


@dataclass(frozen=True)
class Figure:
    """One number of a measure, in `unit`; `against` says what it is compared with.

    A figure that improves in a `better` direction is compared with the stored one; others only explain.
    """

    name: str
    value: float
    unit: str = ""
    against: str = ""
    bar: Bar | None = None
    better: Better | None = None

    @property
    def direction(self) -> Better | None:
        """Return in which direction it improves, None where it only explains."""
        return self.bar.better if self.bar else self.better

    @property
    def is_short(self) -> bool:
        """Tell whether it misses its bar."""
        return self.bar is not None and not self.bar.is_met(self.value)


class Measure(Protocol):
    """One question about speed or size, and how it is answered on this machine."""

    @property
    def name(self) -> str:
        """Return the name it is chosen by."""

    @property
    def about(self) -> str:
        """Say in a sentence what is measured, and against what."""

    @property
    def seconds(self) -> float:
        """Return about how long the quick size takes; what takes many times as long is given up."""

    def run(self, size: Size, /) -> Sequence[Figure]:
        """Measure, and leave nothing behind, also where it fails."""


@dataclass(frozen=True)
class Outcome:
    """What one measure has brought, and how busy the machine was meanwhile."""

    measure: str
    about: str
    size: Size
    day: str
    cores: int
    load: float
    """Processes that wanted to run on average in the last minute, when the measure began."""
    seconds: float
    figures: Sequence[Figure]
    error: str | None = None
