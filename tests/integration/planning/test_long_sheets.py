"""Sheets too long for one transaction: written down step by step, started whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import QueuePool, event, func, select

from pipeline import control, views
from pipeline.errors import Conflict, NotStarted
from pipeline.intake import service as intake
from pipeline.intake.models import Line, Run, RunState
from pipeline.planning import retrying
from pipeline.planning import service as planning
from pipeline.planning.rules import Plan, Reason
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service import wanting
from pipeline.voices.models import Voice
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.stage import Stage

CAST = Sheet().cloned("mara").system("narrator")
SHEET = CAST.says("narrator", *(f"Line {n}." for n in range(7))).says("mara", "Halt!", "Who goes there?")


@pytest.fixture
def owner(stage: Stage) -> str:
    stage.add_recording("mara")
    with stage.database.write() as session:
        account = factories.account(session)
        factories.reference(session, account, "mara")
        return account.id


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 5)
    for name in ("STEP", "LEAST_STEP", "MOST_STEP"):
        monkeypatch.setattr(planning, name, 2)
    monkeypatch.setattr(planning, "BREATH_SECONDS", 0.0)


def start(stage: Stage, owner: str, sheet: Sheet = SHEET, agreed: str | None = None) -> str:
    return planning.start(stage.edge, owner, sheet.submission(), factories.market(), agreed=agreed, budget=None)


def plan(stage: Stage, owner: str, sheet: Sheet = SHEET) -> Plan:
    with stage.database.read() as session:
        return planning.draw_up(session, owner, sheet.submission(), factories.market())


def states(stage: Stage) -> dict[TakeState, int]:
    with stage.database.read() as session:
        return dict(session.execute(select(Take.state, func.count()).group_by(Take.state)).all())


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


@contextmanager
def dying_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[None]:
    """Let the process die while it writes a step down: nothing is tidied up."""
    keep, steps = intake.keep_preparing, iter(range(99))

    def dies(*given: object) -> None:
        if next(steps) == step + 1:  # the first is that of the run itself
            raise KeyboardInterrupt
        keep(*given)  # type: ignore[arg-type] # what it was called with

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(intake, "keep_preparing", dies)
        patch.setattr(intake, "give_up_preparing", lambda *_: None)
        yield
        raise AssertionError("it was done before it died")


def test_a_run_that_is_started_in_steps_does_what_the_plan_said(stage: Stage, owner: str) -> None:
    agreed = plan(stage, owner)
    run_id = start(stage, owner, agreed=agreed.digest())
    assert run(stage, run_id).state is RunState.RUNNING
    stage.settle_down(4)
    assert run(stage, run_id).state is RunState.DONE
    with stage.database.read() as session:
        lines = session.scalars(select(Line.line_id).order_by(Line.position)).all()
    assert lines == [line.id for line in SHEET.lines]
    assert plan(stage, owner).price == 0


def test_lines_that_left_a_long_sheet_are_dropped(stage: Stage, owner: str) -> None:
    start(stage, owner)
    stage.settle_down(4)
    shorter = CAST.says("narrator", *(f"Line {n}." for n in range(6)))
    assert len(plan(stage, owner, shorter).removed) == 3
    start(stage, owner, shorter)
    with stage.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Line)) == 6


@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_crash_in_the_middle_leaves_nothing_running_and_a_plan_of_the_whole_price(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    price = plan(stage, owner).price
    with dying_at(monkeypatch, step):
        start(stage, owner)
    stage.settle_down(3)
    assert not stage.provider.speech_calls
    assert not stage.provider.voice_calls
    assert set(states(stage)) <= {TakeState.WAITING}
    assert plan(stage, owner).price == price
    with stage.database.read() as session:
        assert [(row.state, row.reason) for row in session.scalars(select(Run))] == [
            (RunState.STOPPED, intake.PREPARING)
        ]


def test_whoever_applies_after_a_crash_gets_everything(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying_at(monkeypatch, 3):
        start(stage, owner)
    with pytest.raises(Conflict, match="about to start"):
        start(stage, owner)
    with stage.database.write() as session:
        intake.give_up_preparing(session, session.scalars(select(Run.id)).one())
    run_id = start(stage, owner)
    stage.settle_down(4)
    assert run(stage, run_id).state is RunState.DONE
    assert states(stage) == {TakeState.DONE: len(SHEET.lines) + 1}


def test_a_run_that_was_never_started_says_so_and_what_to_do(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying_at(monkeypatch, 3):
        start(stage, owner)
    for message, hint in (("still being prepared", "few seconds"), ("was not started", "callsheet apply")):
        with stage.database.write() as session:
            dead = session.scalars(select(Run)).one()
            shown = views.run_status(session, dead)
            assert (shown["reason"], shown["paused"]["code"]) == ("preparing", "preparing")
            assert message in shown["paused"]["message"]
            assert hint in shown["paused"]["hint"]
            with pytest.raises(NotStarted, match=message):
                retrying.draw_up(session, dead, retrying.Choice(), factories.market())
            with pytest.raises(NotStarted, match=message):
                control.cancel(session, dead)
            intake.give_up_preparing(session, dead.id)


def test_a_voice_that_many_lines_wait_for_opens_them_in_steps(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanting, "STEP", 3)
    start(stage, owner, CAST.says("narrator", *(f"Line {n}." for n in range(8))))
    stage.hand_on()
    assert states(stage)[TakeState.WAITING] == 5
    stage.settle_down(4)
    assert states(stage) == {TakeState.DONE: 8 + 1}  # and the first words of the cloned voice


def test_without_the_bound_a_voice_opens_all_of_its_lines_at_once(stage: Stage, owner: str) -> None:
    """The control: a million of them would keep everybody else from writing meanwhile."""
    start(stage, owner, CAST.says("narrator", *(f"Line {n}." for n in range(8))))
    stage.hand_on()
    assert TakeState.WAITING not in states(stage)


@on_sqlite
def test_a_plan_is_summed_up_before_the_lock_is_taken(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a million lines takes seconds, for which no worker could say that it lives."""
    locked: list[bool] = []
    pool = stage.database.engine.pool
    assert isinstance(pool, QueuePool)
    digest = Plan.digest

    def summed_up(drawn: Plan) -> str:
        locked.append("_summary" not in vars(drawn) and pool.checkedout() > 0)
        return digest(drawn)

    monkeypatch.setattr(Plan, "digest", summed_up)
    start(stage, owner)
    assert locked
    assert not any(locked)


def test_steps_become_shorter_where_they_take_long_and_never_too_long_or_too_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "LEAST_STEP", 500)
    monkeypatch.setattr(planning, "MOST_STEP", 10_000)
    held = planning.HELD_SECONDS
    assert planning.next_step(4_000, 2 * held) == 2_000
    assert planning.next_step(4_000, held) == 4_000
    assert planning.next_step(4_000, 0.0) == 8_000
    assert planning.next_step(8_000, 0.0) == 10_000
    assert planning.next_step(4_000, 100 * held) == 500


def test_without_the_mark_of_preparing_a_crash_would_leave_work_under_way(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a run that is open from its first step on is spoken by half."""
    monkeypatch.setattr(intake, "prepare_run", intake.open_run)
    with dying_at(monkeypatch, 1):
        start(stage, owner)
    stage.settle_down(3)
    assert stage.provider.speech_calls


def test_a_failure_while_a_run_is_written_down_keeps_nobody_waiting(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "declare_lines", full)
        with pytest.raises(OSError, match="disk"):
            start(stage, owner)
    assert run(stage, start(stage, owner)).state is RunState.RUNNING


def statements(stage: Stage, act: object) -> int:
    """Count the statements of what `act` does."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(stage.database.engine, "before_cursor_execute", note)
    try:
        act()  # type: ignore[operator] # a function
    finally:
        event.remove(stage.database.engine, "before_cursor_execute", note)
    return len(seen)


@on_sqlite
def test_a_sheet_ten_times_as_long_takes_a_few_statements_more(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 10_000)
    counts = {}
    for lines in (300, 3_000):
        sheet = CAST.says("narrator", *(f"Number {n} of {lines}." for n in range(lines)))
        planned = statements(stage, lambda sheet=sheet: plan(stage, owner, sheet))
        counts[lines] = planned, statements(stage, lambda sheet=sheet: start(stage, owner, sheet))
    assert counts[3_000][0] - counts[300][0] <= 3 * 3
    assert counts[3_000][1] - counts[300][1] <= 8 * 3


@on_sqlite
def test_what_has_not_changed_is_not_written_again(stage: Stage, owner: str) -> None:
    start(stage, owner)
    stage.settle_down(4)

    def written(statement: str) -> bool:
        return statement.startswith(("INSERT INTO lines", "UPDATE lines", "DELETE FROM lines", "INSERT INTO takes"))

    seen: list[str] = []
    event.listen(stage.database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    start(stage, owner)
    assert not [statement for statement in seen if written(statement)]
    with stage.database.read() as session:
        asked = select(func.count()).select_from(RunTake).join(Run).where(Run.state == RunState.DONE)
        assert session.scalar(asked) == len(SHEET.lines) + 1
        assert session.scalar(select(func.count()).select_from(Voice)) == 2


MEASURED = """
import sys, tempfile
from pathlib import Path
from benchmarks import bulk
from pipeline.audio.report import peak_rss_bytes
from pipeline.intake.rules import read_project
folder = Path(tempfile.mkdtemp())
before = peak_rss_bytes()
bulk.write_project(folder, 30_000, revised=False)
project = read_project("cast.yaml", lambda path: folder / path)
kept = list(project.lines) if sys.argv[1] == "whole" else len(project.lines)
print((peak_rss_bytes() - before) >> 20)
"""


def megabytes(how: str) -> int:
    told = subprocess.run([sys.executable, "-c", MEASURED, how], check=True, capture_output=True, text=True).stdout
    return int(told)


@on_sqlite
@pytest.mark.usefixtures("stage")
def test_thirty_thousand_lines_take_a_few_megabytes_and_would_take_many_in_a_list() -> None:
    assert megabytes("in pages") < 12
    assert megabytes("whole") > 16


@on_sqlite
def test_a_planned_line_is_told_like_any_other(stage: Stage, owner: str) -> None:
    planned = plan(stage, owner)
    assert planned.lines[-1].reason is Reason.NEW
    assert planned.lines[0] == next(iter(planned.lines))
    assert len(planned.lines[2:4]) == 2
