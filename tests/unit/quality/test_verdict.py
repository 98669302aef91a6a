import json
from dataclasses import replace

import pytest

from pipeline.quality import Check, CheckName, Outcome, Pitch, Result, SpokenWord, Verdict, Voiceprint
from pipeline.quality.verdict import NEEDED, concluded
from pipeline.quality.voiceprint import SHORTEST_SECONDS

PRINT = Voiceprint((0.6, 0.8), Pitch(78.0, 80.5, 83.0, 1.4))
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
    verdict = concluded(PASSED, (SpokenWord("yes", 0.1, 0.4),), PRINT)
    assert Verdict.from_dict(json.loads(json.dumps(verdict.as_dict()))) == verdict


@pytest.mark.parametrize(("embedding", "voiceprint"), [([0.6, 0.8], Voiceprint((0.6, 0.8))), (None, None)])
def test_a_verdict_of_before_pitch_was_heard_is_still_read(
    embedding: list[float] | None, voiceprint: Voiceprint | None
) -> None:
    row = {**concluded(PASSED).as_dict(), "embedding": embedding}
    del row["voiceprint"]
    assert Verdict.from_dict(row).voiceprint == voiceprint


def test_a_voiceprint_of_before_seconds_were_kept_counts_as_the_shortest() -> None:
    row = concluded(PASSED, (), replace(PRINT, seconds=4.0)).as_dict()
    assert Verdict.from_dict(row).voiceprint == replace(PRINT, seconds=4.0)
    del row["voiceprint"]["seconds"]
    assert Verdict.from_dict(row).voiceprint == replace(PRINT, seconds=SHORTEST_SECONDS)
