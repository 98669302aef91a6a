"""What stands how in a run is counted by the database itself, and nothing that changes rows gets past it."""

import pytest
from sqlalchemy import delete, select, text, update

from pipeline.audit import audit
from pipeline.db.engine import Database
from pipeline.intake.models import Run
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, Take, TallyChange
from pipeline.speech.rules import TakeState
from pipeline.speech.service import tallying
from tests.support import factories

LINES = 6


@pytest.fixture
def started(database: Database) -> str:
    with database.write() as session:
        run = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, run)
        speech.want(session, run, [factories.wanted_take(voice, f"Line {number}.") for number in range(LINES)])
        return run.id


def tallies(database: Database, run_id: str) -> dict[tuple[str, str], int]:
    with database.read() as session:
        return speech.tallies(session, run_id)


def end(database: Database, state: TakeState, takes: int, **change: object) -> None:
    with database.write() as session:
        some = select(Take.id).where(Take.state == TakeState.READY).order_by(Take.id).limit(takes)
        ids = session.scalars(some).all()
        session.execute(update(Take).where(Take.id.in_(ids)).values(state=state, **change))


def test_takes_are_tallied_by_state_and_by_the_cause_of_what_went_wrong(database: Database, started: str) -> None:
    assert tallies(database, started) == {("open", ""): LINES}
    end(database, TakeState.DONE, 2, object_key="key")
    end(database, TakeState.FAILED, 1, error_kind="refused")
    end(database, TakeState.BLOCKED, 1, error_kind="cancelled")
    expected = {("open", ""): 2, ("done", ""): 2, ("failed", "refused"): 1, ("blocked", "cancelled"): 1}
    assert tallies(database, started) == expected


def test_what_is_opened_again_or_no_longer_wanted_is_taken_back(database: Database, started: str) -> None:
    end(database, TakeState.FAILED, 3, error_kind="refused")
    with database.write() as session:
        session.execute(update(Take).values(state=TakeState.READY, error_kind=None))
        session.execute(delete(RunTake).where(RunTake.take_id == select(Take.id).limit(1).scalar_subquery()))
    assert tallies(database, started) == {("open", ""): LINES - 1}


def test_what_two_runs_want_is_tallied_for_both(database: Database, started: str) -> None:
    with database.write() as session:
        first = session.get_one(Run, started)
        second = factories.run(session, factories.account_of(session, first.account_id))
        voice = factories.system_voice(session, second)
        speech.want(session, second, [factories.wanted_take(voice, "Line 0.")])
    end(database, TakeState.DONE, LINES, object_key="key")
    assert tallies(database, started) == {("done", ""): LINES}
    assert tallies(database, second.id) == {("done", ""): 1}


def test_a_tally_is_the_same_before_and_after_it_is_added_up(
    database: Database, started: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "STEP", 3)
    end(database, TakeState.DONE, 4, object_key="key")
    expected = {("open", ""): 2, ("done", ""): 4}
    for _ in range(6):
        assert tallies(database, started) == expected
        with database.write() as session:
            speech.add_up(session)
    with database.read() as session:
        assert session.scalars(select(TallyChange)).all() == []
        assert not audit(session).failed


def test_without_its_trigger_a_tally_drifts_and_the_audit_says_so(database: Database, started: str) -> None:
    with database.write() as session:
        on = "" if database.is_sqlite else " ON takes"
        session.execute(text(f"DROP TRIGGER takes_tally_move{on}"))
        session.execute(update(Take).values(state=TakeState.DONE, object_key="key"))
        report = audit(session, leave_out=())
        (found,) = (found for found in report.findings if found.check == "tallies are the numbers of takes")
        assert {row.row for row in found.broken} == {started}
        session.rollback()
