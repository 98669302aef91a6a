"""`--fresh`: what exists is spoken anew at the price that was shown, and once, however often it is interrupted."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from pipeline import control
from pipeline.errors import BudgetExceeded, Conflict
from pipeline.intake.models import Line, LineTake, Run, RunState, Verdict
from pipeline.ledger.models import Transfer
from pipeline.ledger.money import BudgetMode
from pipeline.planning import refreshing
from pipeline.planning import service as planning
from pipeline.planning.rules import Reason
from pipeline.provider.errors import Refused
from pipeline.speech.models import RunTake
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.integration.planning.retakes import delivered, judge, lock, numbers, retake
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().system("herald")
SHEET = CAST.says("herald", "Halt!", "Who goes there?", "Halt!")
HALT, WHO = 100 * len("Halt!"), 100 * len("Who goes there?")
NAMED = ("line_1", "line_2", "line_3")


def fresh(sheet: Sheet = SHEET, *only: str, **change: object) -> planning.Submission:
    whole = sheet.submission(**change)
    return replace(whole, selection=planning.Selection.of(only, whole.project), is_fresh=True)


def why(stage: Stage, owner: str, submission: planning.Submission | None = None) -> list[Reason]:
    return list(reasons(plan(stage, owner, submission or fresh())).values())


def spent(stage: Stage) -> int:
    with stage.database.read() as session:
        return session.scalar(select(func.sum(Transfer.amount))) or 0


@pytest.fixture
def owner(stage: Stage, owner: str) -> str:
    """An account with a production whose lines are spoken."""
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    assert spent(stage) == HALT + WHO
    return owner


def test_what_exists_is_made_anew_at_the_price_that_was_shown_and_chosen(stage: Stage, owner: str) -> None:
    before = delivered(stage, owner)
    drawn = plan(stage, owner, fresh())
    assert list(reasons(drawn).values()) == [Reason.FRESH, Reason.FRESH, Reason.SHARED]
    assert drawn.price == HALT + WHO
    started = apply(stage, owner, fresh(), agreed=drawn.digest(), budget=drawn.price)
    assert delivered(stage, owner) == before  # until the new takes are there
    stage.settle_down(4)
    assert (run(stage, started).state, spent(stage)) == (RunState.DONE, 2 * (HALT + WHO))
    after = delivered(stage, owner)
    assert not set(after.values()) & set(before.values())
    assert after["line_1"] == after["line_3"]
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}
    assert why(stage, owner, SHEET.submission()) == [Reason.REUSED] * 3


@on_sqlite
def test_the_same_command_joins_what_is_under_way_and_pays_nothing(stage: Stage, owner: str) -> None:
    apply(stage, owner, fresh())
    drawn = plan(stage, owner, fresh())
    assert (list(reasons(drawn).values()), drawn.price) == ([Reason.UNDER_WAY] * 3, 0)
    second = apply(stage, owner, fresh(), agreed=drawn.digest(), budget=0)
    stage.settle_down(4)
    assert (run(stage, second).state, spent(stage)) == (RunState.DONE, 2 * (HALT + WHO))


@on_sqlite
def test_once_it_is_over_the_same_command_asks_for_others(stage: Stage, owner: str) -> None:
    for times in (2, 3):
        apply(stage, owner, fresh())
        stage.settle_down(4)
        assert spent(stage) == times * (HALT + WHO)
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "DONE"}


def interrupted(stage: Stage, owner: str) -> None:
    """Let one of two fresh takes fail for good."""
    stage.provider.will_speak(Refused("not this"))
    apply(stage, owner, fresh())
    stage.settle_down(4)
    assert spent(stage) in {2 * HALT + WHO, HALT + 2 * WHO}


def test_after_an_interruption_it_goes_on_with_what_is_lacking(stage: Stage, owner: str) -> None:
    interrupted(stage, owner)
    lacking = 2 * (HALT + WHO) - spent(stage)
    drawn = plan(stage, owner, fresh())
    assert drawn.price == lacking
    apply(stage, owner, fresh(), agreed=drawn.digest())
    stage.settle_down(4)
    assert spent(stage) == 2 * (HALT + WHO)
    assert plan(stage, owner, fresh()).price == HALT + WHO  # that one is over: this is another


@on_sqlite
def test_without_a_look_at_what_is_lacking_everything_would_be_paid_anew(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(stage, owner)
    monkeypatch.setattr(refreshing, "_lacking", lambda _production: select(Run.id).where(Run.id == ""))
    assert plan(stage, owner, fresh()).price == HALT + WHO


@on_sqlite
def test_it_goes_on_after_the_money_has_ended(stage: Stage, owner: str) -> None:
    stopped = apply(stage, owner, fresh(), budget=HALT, mode=BudgetMode.SOFT)
    stage.settle_down(4)
    assert run(stage, stopped).state is RunState.STOPPED
    apply(stage, owner, fresh())
    stage.settle_down(4)
    assert spent(stage) == 2 * (HALT + WHO)
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}


@on_sqlite
def test_a_cancelled_one_is_given_up_and_what_it_had_asked_for_is_taken_up(stage: Stage, owner: str) -> None:
    started = apply(stage, owner, fresh())
    with stage.edge.write() as session:
        control.cancel(session, session.get_one(Run, started))
    stage.settle_down(4)
    assert plan(stage, owner, fresh()).price == HALT + WHO
    apply(stage, owner, fresh())
    stage.settle_down(4)
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}


@on_sqlite
def test_one_that_was_never_written_down_whole_asks_for_the_same_takes_again(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 0)
    monkeypatch.setattr(planning, "_open", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    def start() -> None:
        planning.start(stage.edge, owner, fresh(), factories.market(), agreed=None, budget=None)

    with pytest.raises(KeyboardInterrupt):
        start()
    monkeypatch.undo()
    drawn = plan(stage, owner, fresh())
    assert drawn.price == HALT + WHO
    apply(stage, owner, fresh(), agreed=drawn.digest())
    stage.settle_down(4)
    assert spent(stage) == 2 * (HALT + WHO)
    with stage.database.read() as session:
        assert session.scalar(select(func.count()).select_from(LineTake).where(LineTake.line_id == "line_1")) == 2


@on_sqlite
def test_only_what_is_selected_is_made_anew(stage: Stage, owner: str) -> None:
    assert why(stage, owner, fresh(SHEET, "line:line_2")) == [Reason.REUSED, Reason.FRESH, Reason.REUSED]
    apply(stage, owner, fresh(SHEET, "line:line_2"))
    stage.settle_down(4)
    assert spent(stage) == HALT + 2 * WHO


@on_sqlite
def test_a_locked_line_stays_and_a_rejected_one_is_made(stage: Stage, owner: str) -> None:
    lock(stage, owner, "line_1")
    judge(stage, owner, Verdict.REJECTED, "line_2")
    assert why(stage, owner) == [Reason.REUSED, Reason.FRESH, Reason.FRESH]
    assert why(stage, owner, fresh(SHEET, "state:rejected")) == [Reason.REUSED, Reason.FRESH, Reason.REUSED]


@on_sqlite
def test_a_plan_that_was_agreed_to_is_no_longer_it_after_a_retake(stage: Stage, owner: str) -> None:
    drawn = plan(stage, owner, fresh())
    retake(stage, owner, "line_2")
    with pytest.raises(Conflict):
        apply(stage, owner, fresh(), agreed=drawn.digest())


@on_sqlite
def test_caps_hold(stage: Stage, owner: str) -> None:
    with pytest.raises(BudgetExceeded):
        apply(stage, owner, fresh(), budget=HALT + WHO - 1)
    with stage.database.read() as session:
        assert session.scalar(select(func.count()).where(RunTake.reason == str(Reason.FRESH))) == 0


@on_sqlite
def test_takes_of_another_production_are_made_anew_as_well(stage: Stage, owner: str) -> None:
    other = {"production": "sequel"}
    assert set(why(stage, owner, SHEET.submission(**other))) == {Reason.REUSED}
    assert why(stage, owner, fresh(SHEET, **other)) == [Reason.FRESH, Reason.FRESH, Reason.SHARED]
    apply(stage, owner, fresh(SHEET, **other))
    stage.settle_down(4)
    assert spent(stage) == 2 * (HALT + WHO)
    with stage.database.read() as session:
        chosen = session.scalars(select(Line.fingerprint).where(Line.line_id == "line_2")).all()
    assert len(set(chosen)) == 2


@on_sqlite
def test_a_new_text_is_made_once_and_gives_up_what_its_old_sound_lacked(stage: Stage, owner: str) -> None:
    interrupted(stage, owner)
    changed = CAST.says("herald", "Stop!", "Who is it?", "Stop!")
    assert why(stage, owner, fresh(changed)) == [Reason.TEXT, Reason.TEXT, Reason.SHARED]
    apply(stage, owner, fresh(changed))
    stage.settle_down(4)
    assert set(why(stage, owner, fresh(changed))) == {Reason.FRESH, Reason.SHARED}
