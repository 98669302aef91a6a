from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.db.engine import Database
from pipeline.db.events import emitted
from pipeline.errors import RunStopped
from pipeline.intake import service as intake
from pipeline.intake.models import Line, Run, RunState
from pipeline.intake.service import BATCH
from tests.support import factories


@pytest.fixture
def started(sqlite_database: Database) -> Run:
    with sqlite_database.write() as session:
        return factories.run(session, factories.account(session, name="studio"))


def rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "line_id": f"line_{number}",
            "position": number,
            "character": "mara",
            "text": f"Line {number}.",
            "direction": "",
            "extras": {"scene": str(number)},
            "fingerprint": factories.sha256(str(number)),
            "voice_key": "clone:1",
        }
        for number in range(count)
    ]


def test_a_production_is_declared_once_and_kept_up_to_date(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        owner = factories.account(session)
        first = intake.declare_production(session, owner.id, factories.project(title="Old"))
        again = intake.declare_production(session, owner.id, replace(factories.project(title="New"), language="de"))
        assert (again.id, again.title, again.language) == (first.id, "New", "de")
        assert intake.find_production(session, owner.id, "game") is again
        assert intake.find_production(session, "acct_other", "game") is None


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_the_lines_are_exactly_those_declared(sqlite_database: Database, started: Run, count: int) -> None:
    for declared in (rows(3), rows(count)):
        with sqlite_database.write() as session:
            intake.declare_lines(session, started.production_id, declared)
    with sqlite_database.read() as session:
        lines = session.scalars(select(Line).order_by(Line.position)).all()
    assert [line.line_id for line in lines] == [f"line_{number}" for number in range(count)]
    assert [line.extras for line in lines] == [{"scene": str(number)} for number in range(count)]


def test_a_stopped_run_may_start_nothing_more(sqlite_database: Database, started: Run) -> None:
    with sqlite_database.write() as session:
        intake.require_running(session, started.id)
        intake.stop_run(session, started.id, "cancelled")
        intake.stop_run(session, started.id, "budget_exceeded")
        assert [event.name for event in emitted(session)] == ["run.stopped"]
    with sqlite_database.read() as session:
        assert session.get_one(Run, started.id).reason == "cancelled"
        with pytest.raises(RunStopped):
            intake.require_running(session, started.id)


def test_a_run_that_is_over_is_not_stopped(sqlite_database: Database, started: Run) -> None:
    with sqlite_database.write() as session:
        assert intake.close_run(session, started.id, RunState.DONE)
        assert not intake.close_run(session, started.id, RunState.PARTIAL)
        intake.stop_run(session, started.id, "cancelled")
        assert list(emitted(session)) == []
    with sqlite_database.read() as session:
        ended = session.get_one(Run, started.id)
    assert (ended.state, ended.reason) == (RunState.DONE, None)
    assert ended.closed_at is not None


def test_a_run_that_is_not_there_may_start_nothing(sqlite_database: Database) -> None:
    with sqlite_database.read() as session:
        assert intake.is_stopped(session, "run_of_nobody")
