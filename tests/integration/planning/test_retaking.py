"""More takes of single lines: priced and paid for like any other, numbered, and the newest that is spoken is chosen."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from pipeline import control, views
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, NotFound, UsageError
from pipeline.intake.models import Line, Run, RunState
from pipeline.ledger.models import Budget
from pipeline.ledger.money import BudgetMode
from pipeline.planning import retaking, retrying
from pipeline.planning.rules import Reason
from pipeline.provider.errors import Refused
from pipeline.references.models import Consent
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, Take
from pipeline.speech.service import finishing
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind
from tests.integration.planning.plans import apply, plan, reasons, run
from tests.integration.planning.retakes import delivered, history, judge, numbers, retake, shown
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import PRICES
from tests.support.stage import Stage

CAST = Sheet().system("herald")
SHEET = CAST.says("herald", "Halt!", "Who goes there?", "Halt!")
HALT = 100 * len("Halt!")


@pytest.fixture
def owner(stage: Stage, owner: str) -> str:
    """An account with a production whose lines are spoken."""
    apply(stage, owner, SHEET.submission())
    stage.settle_down(4)
    return owner


def spent(stage: Stage, run_id: str) -> int:
    with stage.database.read() as session:
        return session.get_one(Budget, run_id).spent


def test_a_retake_makes_one_more_take_at_the_price_that_was_shown_and_it_is_chosen(stage: Stage, owner: str) -> None:
    before = delivered(stage, owner)
    drawn = shown(stage, owner, "line_1")
    assert drawn.price == HALT
    started = retake(stage, owner, "line_1", direction="louder", agreed=drawn.digest(), budget=drawn.price)
    assert numbers(stage, owner) == {1: "DONE", 2: "dispatched"}
    stage.settle_down(2)
    assert (run(stage, started).state, spent(stage, started)) == (RunState.DONE, HALT)
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}
    after = delivered(stage, owner)
    assert after["line_1"] != before["line_1"]
    assert {line: after[line] for line in ("line_2", "line_3")} == {line: before[line] for line in ("line_2", "line_3")}
    newest = history(stage, owner, "line_1")[1]
    assert (newest["direction"], newest["text"], newest["cost_micros"]) == ("louder", "Halt!", HALT)
    with stage.database.read() as session:
        assert session.scalars(select(RunTake.reason).where(RunTake.run_id == started)).all() == [str(Reason.RETAKE)]


def test_the_next_plan_keeps_a_retake_and_so_does_the_next_apply(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    kept = delivered(stage, owner)
    longer = SHEET.says("herald", "Halt!")
    planned = plan(stage, owner, longer.submission())
    assert set(reasons(planned).values()) == {Reason.REUSED}
    apply(stage, owner, longer.submission(), agreed=planned.digest(), budget=0)
    assert {line: key for line, key in delivered(stage, owner).items() if line in kept} == kept


@on_sqlite
def test_of_several_alternatives_the_newest_that_is_spoken_is_chosen_whichever_ends_last(
    stage: Stage, owner: str
) -> None:
    stage.provider.will_speak(Refused("no"))  # take 2
    started = retake(stage, owner, "line_1", count=3)
    for task, row_id in reversed(stage.messages.waiting):
        stage.run(task, row_id)
    stage.messages.waiting.clear()
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "DONE", 4: "failed"}
    assert run(stage, started).state is RunState.PARTIAL
    with stage.edge.write() as session:
        again = retrying.apply(
            session, run(stage, started), retrying.Choice(), factories.market(), agreed=None, budget=None
        ).id
    stage.settle_down(2)
    assert (run(stage, again).state, spent(stage, again)) == (RunState.DONE, HALT)
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "done", 4: "DONE"}


@on_sqlite
def test_without_the_choice_at_the_end_a_retake_would_never_be_heard(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "choose_finished", lambda *_: None)
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    assert numbers(stage, owner) == {1: "DONE", 2: "done"}


@on_sqlite
def test_a_retake_whose_line_has_changed_meanwhile_is_kept_and_not_chosen(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    apply(stage, owner, CAST.says("herald", "Stop!").submission())
    stage.settle_down(3)
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "DONE"}
    assert [take["text"] for take in history(stage, owner, "line_1")] == ["Halt!", "Halt!", "Stop!"]


@on_sqlite
def test_a_text_that_comes_back_brings_the_take_that_was_chosen_for_it(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    kept = delivered(stage, owner)["line_1"]
    changed = CAST.says("herald", "Stop!", "Who goes there?", "Halt!")
    apply(stage, owner, changed.submission())
    stage.settle_down(2)
    planned = plan(stage, owner, SHEET.submission())
    assert (planned.price, reasons(planned)["line_1"]) == (0, Reason.REUSED)
    apply(stage, owner, SHEET.submission(), agreed=planned.digest())
    assert delivered(stage, owner)["line_1"] == kept
    assert numbers(stage, owner) == {1: "done", 2: "DONE", 3: "done"}
    assert plan(stage, owner, SHEET.submission()).price == 0


@on_sqlite
def test_a_line_that_left_the_sheet_has_its_history_when_it_comes_back(stage: Stage, owner: str) -> None:
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    other = replace(SHEET, lines=(SHEET.lines[0]._replace(id="line_9"),))
    apply(stage, owner, other.submission())
    assert list(delivered(stage, owner)) == ["line_9"]
    apply(stage, owner, SHEET.submission())
    assert numbers(stage, owner) == {1: "done", 2: "DONE"}


def test_two_people_who_retake_a_line_at_once_get_two_takes(stage: Stage, owner: str) -> None:
    digest = shown(stage, owner, "line_1").digest()
    together = threading.Barrier(2)

    def ask(_: int) -> str:
        together.wait()
        return retake(stage, owner, "line_1", agreed=digest)

    with ThreadPoolExecutor(2) as threads:
        runs = set(threads.map(ask, range(2)))
    stage.settle_down(3)
    assert len(runs) == 2
    assert [run(stage, one).state for one in runs] == [RunState.DONE] * 2
    assert numbers(stage, owner) == {1: "done", 2: "done", 3: "DONE"}
    assert [spent(stage, one) for one in runs] == [HALT] * 2


@pytest.mark.parametrize("maker", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_without_the_order_of_an_account_both_would_ask_for_the_same_number(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: both have read the same last number before either writes."""
    together, last = threading.Barrier(2), speech.last_numbers

    def read(*given: Any) -> dict[str, int]:
        numbers = last(*given)
        together.wait(10)
        return numbers

    def ask(_: int) -> bool:
        try:
            retake(stage, owner, "line_1")
        except IntegrityError:
            return False
        return True

    judge(stage, owner, None, "line_1")  # so that its first take is in the history
    monkeypatch.setattr(speech, "enter", lambda *_: None)
    monkeypatch.setattr(speech, "last_numbers", read)
    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(ask, range(2))) == [False, True]
    stage.settle_down(2)


@on_sqlite
def test_a_retake_beyond_a_cap_starts_nothing_and_a_soft_one_makes_what_the_money_is_enough_for(
    stage: Stage, owner: str
) -> None:
    with pytest.raises(BudgetExceeded):
        retake(stage, owner, "line_1", count=2, budget=2 * HALT - 1)
    assert numbers(stage, owner) == {1: "DONE"}
    started = retake(stage, owner, "line_1", count=2, budget=2 * HALT - 1, mode=BudgetMode.SOFT)
    stage.settle_down(3)
    assert (run(stage, started).reason, spent(stage, started)) == ("budget_exceeded", HALT)
    assert sorted(numbers(stage, owner).values()) == ["DONE", "blocked", "done"]


@on_sqlite
def test_a_retake_is_cancelled_by_its_run_or_by_its_line_and_the_choice_stays(stage: Stage, owner: str) -> None:
    for chosen in (None, control.Chosen(lines=["line_1"])):
        started = retake(stage, owner, "line_1", "line_2")
        if chosen is None:
            with stage.edge.write() as session:
                control.cancel(session, session.get_one(Run, started))
        else:
            assert control.cancel_lines(stage.edge.read, stage.edge.write, started, chosen).takes == 1
        stage.settle_down(3)
    assert numbers(stage, owner) == {1: "DONE", 2: "blocked", 3: "blocked"}
    assert numbers(stage, owner, "line_2") == {1: "done", 2: "blocked", 3: "DONE"}


@on_sqlite
def test_no_later_plan_makes_a_retake_that_failed(stage: Stage, owner: str) -> None:
    stage.provider.will_speak(Refused("no"))
    retake(stage, owner, "line_1")
    stage.settle_down(2)
    planned = plan(stage, owner, SHEET.submission())
    assert (planned.price, set(reasons(planned).values())) == (0, {Reason.REUSED})


@on_sqlite
def test_a_retake_of_one_line_reads_no_more_of_a_long_sheet(stage: Stage, owner: str) -> None:
    seen: list[str] = []
    event.listen(stage.database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    few = len(seen)
    shown(stage, owner, "line_1")
    assert len(seen) - few <= 6


@on_sqlite
@pytest.mark.parametrize("lines", [("line_9",), ("line_1", "line_9")])
def test_a_line_that_is_not_there_is_named_and_nothing_is_started(
    stage: Stage, owner: str, lines: tuple[str, ...]
) -> None:
    with pytest.raises(NotFound, match="line_9"):
        retake(stage, owner, *lines)
    assert numbers(stage, owner) == {1: "DONE"}


@on_sqlite
def test_a_line_that_is_not_spoken_yet_cannot_be_retaken(stage: Stage, owner: str) -> None:
    apply(stage, owner, SHEET.says("herald", "Wait.").submission())
    with pytest.raises(Conflict, match=r"Not spoken yet: line_4\."):
        retake(stage, owner, "line_1", "line_4")
    stage.settle_down(2)


@on_sqlite
def test_too_many_takes_at_once_are_refused(stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retaking, "MOST_TAKES", 3)
    with pytest.raises(UsageError, match="2 lines with 2 takes each"):
        retake(stage, owner, "line_1", "line_2", count=2)


@on_sqlite
def test_a_retake_that_is_not_the_one_agreed_to_starts_nothing(stage: Stage, owner: str) -> None:
    digest = shown(stage, owner, "line_1").digest()
    apply(stage, owner, CAST.says("herald", "Stop!").submission())
    stage.settle_down(2)
    with pytest.raises(Conflict, match="have changed"):
        retake(stage, owner, "line_1", agreed=digest)


CLONED = Sheet().cloned("mara").says("mara", "Halt!")


@on_sqlite
def test_a_voice_that_the_provider_has_no_more_is_made_anew_at_the_price_that_is_shown(
    stage: Stage, owner: str
) -> None:
    apply(stage, owner, CLONED.submission())
    stage.settle_down(4)
    with stage.edge.write() as session:
        mara = session.scalars(select(Voice).where(Voice.kind == VoiceKind.CLONED)).one()
        voices.lose(session, mara.id, "it was deleted")
    stage.settle_down(2)
    drawn = shown(stage, owner, "line_1")
    assert drawn.price > PRICES.clone_micros + HALT
    started = retake(stage, owner, "line_1", agreed=drawn.digest(), budget=drawn.price)
    stage.settle_down(4)
    assert (run(stage, started).state, spent(stage, started)) == (RunState.DONE, PRICES.clone_micros + HALT)
    assert len(stage.provider.voice_calls) == 2
    assert numbers(stage, owner)[3] == "DONE"


@on_sqlite
def test_a_talent_who_has_withdrawn_consent_is_not_retaken(stage: Stage, owner: str) -> None:
    apply(stage, owner, CLONED.submission())
    stage.settle_down(4)
    with stage.edge.write() as session:
        session.scalars(select(Consent)).one().revoked_at = 1
    with pytest.raises(ConsentRequired):
        shown(stage, owner, "line_1")


@on_sqlite
def test_a_status_of_a_retake_counts_it_alone(stage: Stage, owner: str) -> None:
    started = retake(stage, owner, "line_1", count=2)
    stage.settle_down(2)
    with stage.database.read() as session:
        status = views.run_status(session, session.get_one(Run, started))
        assert session.scalar(select(func.count()).select_from(Line)) == 3
        assert session.scalar(select(func.count()).where(Take.alternative_of.is_not(None))) == 2
    assert (status["takes"]["total"], status["spent_micros"], status["estimate_micros"]) == (2, 2 * HALT, 2 * HALT)
