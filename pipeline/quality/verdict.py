"""What the gate says of a take: one outcome, the checks behind it, and a sentence for a person."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from pipeline.quality.voiceprint import Voiceprint


class Outcome(StrEnum):
    """Whether a take may count."""

    GOOD = "good"
    """Every check that a take needs was made and passed."""
    BAD = "bad"
    """At least one check failed."""
    UNCHECKED = "unchecked"
    """Nothing failed, but a check that a take needs could not be made: somebody has to listen."""


class Result(StrEnum):
    """What came of one check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class CheckName(StrEnum):
    """The checks, in the order in which a verdict lists them."""

    DECODES = "decodes"
    LENGTH = "length"
    SILENCE = "silence"
    GAPS = "gaps"
    CLIPPING = "clipping"
    PEAK = "peak"
    LEVEL = "level"
    ENDING = "ending"
    WORDS = "words"
    EXTRA_SPEECH = "extra speech"
    TRANSCRIPT = "transcript"
    VOICE = "voice"


NEEDED = frozenset(CheckName) - {CheckName.TRANSCRIPT, CheckName.VOICE}
"""A take counts as good without the others: one is optional, and a voice's first lines have nothing to be like."""


@dataclass(frozen=True)
class Check:
    """One check: the figure measured, the limits it was held to, in `unit`, and what that means.

    `reason` is empty for a check that passed, and says why for one that failed or could not be made.
    """

    name: CheckName
    result: Result
    value: float | None = None
    lowest: float | None = None
    highest: float | None = None
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True)
class SpokenWord:
    """Where a word was heard, in seconds from the start of the take."""

    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Verdict:
    """The judgement of one take.

    `voiceprint` is how the take's voice sounds, where it lasts long enough to tell: keep it with a good take, and later
    takes of the voice can be held to it. `words` is empty where no words were aligned.
    """

    outcome: Outcome
    sentence: str
    checks: tuple[Check, ...]
    words: tuple[SpokenWord, ...] = ()
    voiceprint: Voiceprint | None = None

    @property
    def failed(self) -> tuple[CheckName, ...]:
        """The checks that failed; the fewer, the better a bad take is."""
        return tuple(check.name for check in self.checks if check.result is Result.FAILED)

    @property
    def not_checked(self) -> tuple[CheckName, ...]:
        """The checks that could not be made."""
        return tuple(check.name for check in self.checks if check.result is Result.NOT_CHECKED)

    def check(self, name: CheckName) -> Check:
        """Return one of the checks; KeyError where it was not asked for."""
        found = {check.name: check for check in self.checks}
        return found[name]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Read what `as_dict` wrote. Raises ValueError, TypeError or LookupError where it is something else."""
        return cls(
            Outcome(row["outcome"]),
            str(row["sentence"]),
            tuple(_check(check) for check in row["checks"]),
            tuple(SpokenWord(str(word["word"]), float(word["start"]), float(word["end"])) for word in row["words"]),
            _voiceprint(row),
        )


def concluded(
    checks: tuple[Check, ...], words: tuple[SpokenWord, ...] = (), voiceprint: Voiceprint | None = None
) -> Verdict:
    """Return the verdict that the checks amount to."""
    failed = [check for check in checks if check.result is Result.FAILED]
    missing = [check for check in checks if check.result is Result.NOT_CHECKED]
    if failed:
        outcome, sentence = Outcome.BAD, "; ".join(check.reason for check in failed)
    elif any(check.name in NEEDED for check in missing):
        outcome, sentence = Outcome.UNCHECKED, "nothing wrong was found, but not everything could be checked"
    else:
        outcome, sentence = Outcome.GOOD, "all checks passed" if not missing else "nothing wrong was found"
    unmade = "; ".join(f"{check.name} not checked: {check.reason}" for check in missing)
    return Verdict(outcome, _as_sentence(f"{sentence}; {unmade}" if unmade else sentence), checks, words, voiceprint)


def unjudged(reason: str) -> Verdict:
    """Return the verdict on a take that the gate itself has failed to hear."""
    return concluded((Check(CheckName.DECODES, Result.NOT_CHECKED, reason=reason),))


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _check(row: Mapping[str, Any]) -> Check:
    value, lowest, highest = (None if row[key] is None else float(row[key]) for key in ("value", "lowest", "highest"))
    return Check(
        CheckName(row["name"]), Result(row["result"]), value, lowest, highest, str(row["unit"]), str(row["reason"])
    )


def _voiceprint(row: Mapping[str, Any]) -> Voiceprint | None:
    if "voiceprint" in row:
        return None if row["voiceprint"] is None else Voiceprint.from_dict(row["voiceprint"])
    # As reports have it that were written before pitch was heard.
    return None if row["embedding"] is None else Voiceprint.from_dict({"embedding": row["embedding"], "pitch": None})
