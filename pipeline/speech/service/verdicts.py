"""What is kept of a verdict with its take, and which of two takes is the better one by what was heard of them."""

from dataclasses import asdict
from enum import StrEnum
from typing import Any, Final

from pipeline.quality import CheckName, Outcome, Result, Verdict
from pipeline.speech.models import Take

_LEVELS: Final = {Outcome.GOOD: 2, Outcome.UNCHECKED: 1, Outcome.BAD: 0}


class Sequel(StrEnum):
    """What followed a take that was found bad."""

    ASKED = "asked"
    """One more take of it."""
    OFF = "off"
    """The project asks for none."""
    PERSON = "person"
    """A person has asked for it, and decides."""
    TRIED = "tried"
    """The line has had all that it may have."""
    BUDGET = "budget"
    """A cap has no room for it beside what was planned."""
    CONSENT = "consent"
    """The talent is suspended."""
    RUN_OVER = "run over"
    """Its run starts nothing more."""
    UNWANTED = "unwanted"
    """No line would have it: they ask for another sound by now, are locked, or were approved."""


def kept(verdict: Verdict) -> dict[str, Any]:
    """Return what a take's row keeps: the sentence, the figures of all checks, and in full those that did not pass.

    Where words lie and how the voice sounds is left out: a million takes would have 3 GB of it.
    """
    figures = {check.name.value: round(check.value, 3) for check in verdict.checks if check.value is not None}
    others = [asdict(check) for check in verdict.checks if check.result is not Result.PASSED]
    return {"sentence": verdict.sentence, "figures": figures, "checks": others}


def is_unmade(verdict: Verdict) -> bool:
    """Tell whether the gate itself has failed, so that another try may bring a verdict."""
    return verdict.check(CheckName.DECODES).result is Result.NOT_CHECKED


def worth(take: Take | None) -> tuple[int, int]:
    """Return how good a take is by what was heard of it: the greater the better; one that nobody heard is unchecked."""
    if take is None:
        return -1, 0
    checks = (take.verdict or {}).get("checks", [])
    failed = sum(check["result"] == Result.FAILED for check in checks)
    return _LEVELS[take.outcome or Outcome.UNCHECKED], -failed
