"""Bad takes are made once more by the run itself: within a count, within the money, and the best of them speaks."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from pipeline import views
from pipeline.intake.models import Line, Run, RunState, Verdict
from pipeline.intake.rules import QualitySettings
from pipeline.ledger.money import BudgetMode
from pipeline.planning.rules import Reason
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import REDO_PRIORITY, Asked, TakeState
from pipeline.speech.service import choosing, redoing
from tests.integration.planning.hearings import bad_again, finds, outcomes, sequels, spent
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.integration.planning.retakes import choose, delivered, judge, lock, numbers, retake
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.ears import bad, good, unchecked
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().system("herald")
SHEET = CAST.says("herald", "Halt!", "Who goes there?", "Halt!")
TWO = QualitySettings(retakes=2)
HALT, WHO = 100 * len("Halt!"), 100 * len("Who goes there?")


def begin(stage: Stage, owner: str, quality: QualitySettings = TWO, **bounds: object) -> str:
    return apply(stage, owner, SHEET.submission(quality=quality), **bounds)  # type: ignore[arg-type] # its options


def test_a_bad_take_is_made_once_more_for_every_line_that_it_speaks(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad(), good())
    started = begin(stage, owner)
    before = delivered(stage, owner)
    stage.settle_down(6)
    assert outcomes(stage, owner, "line_1") == outcomes(stage, owner, "line_3") == ["bad", "GOOD"]
    assert outcomes(stage, owner, "line_2") == ["GOOD"]
    after = delivered(stage, owner)
    assert after["line_1"] == after["line_3"] != before["line_1"]
    assert spent(stage, started) == HALT + WHO + HALT
    ended = run(stage, started)
    assert (ended.state, ended.retaken, ended.heard_good, ended.heard_bad) == (RunState.DONE, HALT, 2, 1)
    assert (sequels(stage), bad_again(stage, started)) == (["asked"], [])
    assert set(reasons(plan(stage, owner, SHEET.submission())).values()) == {Reason.REUSED}


def test_without_the_gate_the_bad_take_is_what_is_delivered(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad(), good())
    started = begin(stage, owner, QualitySettings(check=False))
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["NONE"]
    assert (spent(stage, started), stage.ears.heard) == (HALT + WHO, [])


def test_where_the_project_asks_for_no_retakes_what_is_spent_is_what_was_planned(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad())
    planned = plan(stage, owner, SHEET.submission(quality=QualitySettings()))
    started = begin(stage, owner, QualitySettings())
    stage.settle_down(6)
    assert (outcomes(stage, owner), sequels(stage)) == (["BAD"], ["off"])
    assert spent(stage, started) == planned.price == HALT + WHO


def test_the_count_is_a_bound_and_the_best_of_the_bad_is_kept(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad(checks=3), bad(checks=1), bad(checks=2), good())
    started = begin(stage, owner)
    stage.settle_down(9)
    assert outcomes(stage, owner) == ["bad", "BAD", "bad"]
    assert sequels(stage) == ["asked", "asked", "tried"]
    assert (spent(stage, started), run(stage, started).state) == (3 * HALT + WHO, RunState.DONE)
    with stage.database.read() as session:
        listed = views.review(session, run(stage, started).production_id)
    assert [(one["line"], one["number"], one["tries"], one["sequel"]) for one in listed["data"]] == [
        ("line_1", 2, 3, "tried"),
        ("line_3", 2, 3, "tried"),
    ]


@on_sqlite
def test_without_the_count_a_line_that_stays_bad_would_be_made_without_end(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints = redoing.redone
    monkeypatch.setattr(
        redoing, "redone", lambda sound, run_id, number: fingerprints(sound, run_id, number + len(made))
    )
    made: list[str] = []
    monkeypatch.setattr(stage.edge.ears, "judge", lambda *_: made.append("") or bad())
    monkeypatch.setattr("tests.support.stage.MOST_MESSAGES", 40)
    begin(stage, owner)
    with pytest.raises(AssertionError, match="do not come to an end"):
        stage.work()
    assert len(made) > 2 * 3


@on_sqlite
def test_what_nobody_could_check_is_not_made_again(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", unchecked())
    begin(stage, owner)
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["UNCHECKED"]


@on_sqlite
def test_a_take_that_nobody_could_check_is_better_than_a_bad_one(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad(), unchecked())
    begin(stage, owner)
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["bad", "UNCHECKED"]


@pytest.mark.parametrize(
    ("budget", "tries", "sequel"),
    [
        (HALT + WHO, 1, ["budget"]),
        (2 * HALT + WHO - 1, 1, ["budget"]),
        (2 * HALT + WHO, 2, ["asked", "budget"]),
        (3 * HALT + WHO, 3, ["asked", "asked", "tried"]),
    ],
)
@on_sqlite
def test_a_cap_pays_for_what_was_planned_first_and_retakes_have_what_is_beyond_it(
    stage: Stage, owner: str, budget: int, tries: int, sequel: list[str]
) -> None:
    finds(stage, "Halt!", bad(), bad(), bad())
    started = begin(stage, owner, budget=budget)
    stage.settle_down(9)
    assert (len(outcomes(stage, owner)), sequels(stage)) == (tries, sequel)
    assert spent(stage, started) == tries * HALT + WHO
    assert run(stage, started).state is RunState.DONE


@on_sqlite
def test_a_retake_that_the_money_no_longer_reaches_ends_itself_and_not_the_run(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redoing, "_has_room", lambda *_: True)
    finds(stage, "Halt!", bad())
    started = begin(stage, owner, budget=HALT + WHO)
    stage.settle_down(6)
    ended = run(stage, started)
    assert (ended.reason, ended.state, spent(stage, started)) == (None, RunState.PARTIAL, HALT + WHO)
    assert numbers(stage, owner) == {1: "DONE", 2: "blocked"}
    with stage.database.read() as session:
        assert [one["line"] for one in views.review(session, ended.production_id)["data"]] == ["line_1", "line_3"]


@on_sqlite
def test_where_the_money_is_short_from_the_start_none_of_it_goes_to_retakes(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad())
    started = begin(stage, owner, budget=HALT + WHO - 1, mode=BudgetMode.SOFT)
    stage.settle_down(6)
    assert spent(stage, started) == HALT
    assert sequels(stage) in (["budget"], ["run over"])


@on_sqlite
def test_retakes_come_after_every_line_of_the_run(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad())
    begin(stage, owner)
    stage.settle_down(6)
    with stage.database.read() as session:
        redone = session.scalars(select(Take).where(Take.priority == REDO_PRIORITY)).one()
        assert session.scalars(select(RunTake.reason).where(RunTake.take_id == redone.id)).all() == [Asked.QUALITY]


@pytest.mark.parametrize(
    "decide",
    [
        lambda stage, owner: choose(stage, owner, 1),
        lambda stage, owner: judge(stage, owner, Verdict.APPROVED, "line_1"),
        lambda stage, owner: lock(stage, owner, "line_1"),
    ],
    ids=["chosen", "approved", "locked"],
)
@on_sqlite
def test_what_a_person_decides_meanwhile_stands(
    stage: Stage, owner: str, decide: Callable[[Stage, str], object]
) -> None:
    finds(stage, "Halt!", bad(), good())
    begin(stage, owner)
    while ("speech.hear") not in {task for task, _ in list(stage.messages.waiting)[:1]} or not _retaken(stage):
        stage.run(*stage.messages.waiting.popleft())
    decide(stage, owner)
    stage.settle_down(6)
    assert outcomes(stage, owner, "line_1") == ["BAD", "good"]
    assert outcomes(stage, owner, "line_3") == ["bad", "GOOD"]


def _retaken(stage: Stage) -> bool:
    """Tell whether a retake is spoken and not heard yet."""
    with stage.database.read() as session:
        retakes = (Take.priority == REDO_PRIORITY, Take.state == TakeState.DONE, Take.outcome.is_(None))
        return bool(session.scalar(select(func.count()).where(*retakes)))


@on_sqlite
def test_without_the_choice_a_good_retake_would_never_be_heard(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "_may_count", lambda *_, **__: False)
    finds(stage, "Halt!", bad(), good())
    begin(stage, owner)
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["BAD", "good"]


@on_sqlite
def test_lines_that_were_approved_or_have_another_text_by_now_get_no_retake(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad())
    begin(stage, owner)
    stage.run(*stage.messages.waiting.popleft())
    judge(stage, owner, Verdict.APPROVED, "line_1", "line_3")
    stage.settle_down(6)
    assert (outcomes(stage, owner), sequels(stage)) == (["BAD"], ["unwanted"])


@on_sqlite
def test_a_take_that_a_person_asked_for_is_heard_and_a_bad_one_does_not_displace_a_good_one(
    stage: Stage, owner: str
) -> None:
    begin(stage, owner)
    stage.settle_down(6)
    finds(stage, "Halt!", bad(), good())
    again = retake(stage, owner, "line_1")
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["GOOD", "bad"]
    assert (sequels(stage), spent(stage, again)) == (["person"], HALT)
    assert bad_again(stage, again) == [("line_1", 2, "retake", 1)]
    retake(stage, owner, "line_1")
    stage.settle_down(6)
    assert outcomes(stage, owner) == ["good", "bad", "GOOD"]


@on_sqlite
def test_what_is_approved_leaves_the_review(stage: Stage, owner: str) -> None:
    finds(stage, "Halt!", bad())
    started = begin(stage, owner, QualitySettings())
    stage.settle_down(6)
    judge(stage, owner, Verdict.APPROVED, "line_3")
    with stage.database.read() as session:
        production = session.get_one(Run, started).production_id
        listed = views.review(session, production)
        assert [one["line"] for one in listed["data"]] == ["line_1"]
        assert session.scalar(select(func.count()).select_from(Line)) == 3
    assert factories.PROVIDER
