import pytest

from pipeline.quality import Check, CheckName, Outcome, Result, SpokenWord, Verdict
from pipeline.quality.verdict import NEEDED, concluded

PASSED = tuple(Check(name, Result.PASSED) for name in CheckName if name is not CheckName.TRANSCRIPT)


def without(name: CheckName, result: Result, reason: str = "why") -> tuple[Check, ...]:
    return tuple(Check(name, result, reason=reason) if check.name is name else check for check in PASSED)


def test_a_take_that_passes_everything_is_good() -> None:
    assert concluded(PASSED).outcome is Outcome.GOOD


def test_one_failed_check_makes_a_take_bad_and_says_why() -> None:
    verdict = concluded(without(CheckName.LEVEL, Result.FAILED, "its level is -60 LUFS"))
    assert (verdict.outcome, verdict.failed) == (Outcome.BAD, (CheckName.LEVEL,))
    assert verdict.sentence == "Its level is -60 LUFS."


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_needed_check_that_could_not_be_made_never_passes_silently(name: CheckName) -> None:
    verdict = concluded(without(name, Result.NOT_CHECKED, "nobody can"))
    assert verdict.outcome is Outcome.UNCHECKED
    assert f"{name} not checked: nobody can" in verdict.sentence


def test_a_voice_that_could_not_be_compared_is_told_and_no_hindrance() -> None:
    verdict = concluded(without(CheckName.VOICE, Result.NOT_CHECKED, "the first take"))
    assert verdict.outcome is Outcome.GOOD
    assert "voice not checked: the first take" in verdict.sentence


def test_a_verdict_reads_back_from_what_it_was_written_as() -> None:
    verdict = concluded(PASSED, (SpokenWord("yes", 0.1, 0.4),), (0.6, 0.8))
    assert Verdict.from_dict(verdict.as_dict()) == verdict
