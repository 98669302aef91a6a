"""Fresh takes that are found bad are made once more as any other: within the count, and never for the worse."""

from dataclasses import replace

import pytest

from pipeline.intake.models import RunState, Verdict
from pipeline.intake.rules import QualitySettings
from pipeline.planning import service as planning
from pipeline.planning.rules import Reason
from pipeline.quality import Verdict as Heard
from pipeline.speech.service import choosing, redoing
from tests.integration.planning.hearings import bad_again, finds, outcomes, sequels, spent
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.integration.planning.retakes import choose, delivered, judge, lock, retake
from tests.support.databases import on_sqlite
from tests.support.ears import bad, good
from tests.support.factories import Sheet
from tests.support.stage import Stage

SHEET = Sheet().system("herald").says("herald", "Halt!", "Who goes there?", "Halt!")
FOUR = Sheet().system("herald").says("herald", *["Halt!"] * 4)
HALT, WHO = 100 * len("Halt!"), 100 * len("Who goes there?")


def fresh(sheet: Sheet = SHEET) -> planning.Submission:
    return replace(sheet.submission(quality=QualitySettings(retakes=2)), is_fresh=True)


def speak(stage: Stage, owner: str, *first: Heard, sheet: Sheet = SHEET) -> None:
    """Let all lines be spoken, and the takes of the first be found so."""
    finds(stage, "Halt!", *first)
    apply(stage, owner, sheet.submission(quality=QualitySettings()))
    stage.settle_down(4)


def refresh(stage: Stage, owner: str, *found: Heard, budget: int | None = None) -> str:
    """Let all lines be spoken anew, and the new takes of the first be found so."""
    finds(stage, "Halt!", *found)
    started = apply(stage, owner, fresh(), budget=budget)
    stage.settle_down(5)
    return started


def test_a_bad_fresh_take_is_made_once_more_and_speaks_although_the_old_one_was_good(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    before = delivered(stage, owner)
    started = refresh(stage, owner, bad(), good())
    assert outcomes(stage, owner, "line_1") == outcomes(stage, owner, "line_3") == ["good", "bad", "GOOD"]
    assert outcomes(stage, owner, "line_2") == ["good", "GOOD"]
    after = delivered(stage, owner)
    assert after["line_1"] == after["line_3"] != before["line_1"]
    assert (sequels(stage), spent(stage, started)) == (["asked"], HALT + WHO + HALT)
    assert (run(stage, started).state, run(stage, started).retaken) == (RunState.DONE, HALT)
    assert bad_again(stage, started) == []


@on_sqlite
def test_without_knowing_it_for_a_fresh_one_it_would_be_left_bad(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak(stage, owner)
    monkeypatch.setattr(redoing, "first_asked", lambda *_: None)
    refresh(stage, owner, bad(), good())
    assert (outcomes(stage, owner), sequels(stage)) == (["GOOD", "bad"], ["person"])


def test_where_all_of_them_are_bad_the_good_one_of_before_speaks_on(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    started = refresh(stage, owner, bad(), bad(), bad(), good())
    assert outcomes(stage, owner) == ["GOOD", "bad", "bad", "bad"]
    assert sequels(stage) == ["asked", "asked", "tried"]
    assert spent(stage, started) == 3 * HALT + WHO
    assert bad_again(stage, started) == [("line_1", 4, "fresh", 1), ("line_3", 4, "fresh", 1)]


@on_sqlite
def test_of_bad_ones_that_follow_a_bad_one_the_best_speaks(stage: Stage, owner: str) -> None:
    speak(stage, owner, bad(checks=3))
    refresh(stage, owner, bad(checks=3), bad(checks=1), bad(checks=2))
    assert outcomes(stage, owner) == ["bad", "bad", "BAD", "bad"]


@on_sqlite
def test_without_a_look_at_whose_try_it_is_the_last_of_the_bad_would_speak(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_is_try_of", lambda *_: False)
    speak(stage, owner, bad())
    refresh(stage, owner, bad(checks=3), bad(checks=1), bad(checks=2))
    assert outcomes(stage, owner) == ["bad", "bad", "bad", "BAD"]


@on_sqlite
def test_the_cap_pays_for_every_fresh_take_before_one_is_made_once_more(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    started = refresh(stage, owner, bad(), good(), budget=2 * HALT + WHO - 1)
    assert (sequels(stage), spent(stage, started)) == (["budget"], HALT + WHO)


@on_sqlite
def test_what_a_person_decides_after_it_was_asked_for_keeps_the_line_as_it_is(stage: Stage, owner: str) -> None:
    speak(stage, owner, sheet=FOUR)
    finds(stage, "Halt!", bad(), good())
    apply(stage, owner, fresh(FOUR))
    choose(stage, owner, 1, "line_1")
    judge(stage, owner, Verdict.APPROVED, "line_2")
    lock(stage, owner, "line_3")
    stage.settle_down(5)
    for line in ("line_1", "line_2", "line_3"):
        assert outcomes(stage, owner, line) == ["GOOD", "bad"]
    assert outcomes(stage, owner, "line_4") == ["good", "bad", "GOOD"]


@on_sqlite
def test_what_was_approved_before_it_was_asked_for_is_spoken_anew(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    judge(stage, owner, Verdict.APPROVED, "line_1")
    refresh(stage, owner, bad(), good())
    assert outcomes(stage, owner) == ["good", "bad", "GOOD"]


@on_sqlite
def test_a_retake_that_was_asked_for_after_it_stays_the_choice(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    finds(stage, "Halt!", bad(), good())
    apply(stage, owner, fresh())
    retake(stage, owner, "line_1")
    stage.settle_down(5)
    assert outcomes(stage, owner, "line_1")[2] == "GOOD"
    assert outcomes(stage, owner, "line_3") == ["good", "bad", "GOOD"]


@on_sqlite
def test_the_same_command_joins_while_one_is_made_once_more_and_then_asks_for_others(stage: Stage, owner: str) -> None:
    speak(stage, owner)
    finds(stage, "Halt!", bad(), good())
    started = apply(stage, owner, fresh())
    while sequels(stage) != ["asked"]:
        stage.run(*stage.messages.waiting.popleft())
    assert reasons(plan(stage, owner, fresh()))["line_1"] is Reason.UNDER_WAY
    apply(stage, owner, fresh())
    stage.settle_down(5)
    assert spent(stage, started) == HALT + WHO + HALT
    assert set(reasons(plan(stage, owner, fresh())).values()) == {Reason.FRESH, Reason.SHARED}
