from dataclasses import replace

import pytest
from sqlalchemy import select, text

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


def rows(count: int) -> list[intake.LineRow]:
    return [
        intake.LineRow(
            line_id=f"line_{number}",
            position=number,
            character="mara",
            text=f"Line {number}.",
            direction="",
            extras=f'{{"scene": "{number}"}}',
            fingerprint=factories.sha256(str(number)),
            voice_key="clone:1",
        )
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


def stored(database: Database) -> dict[str, Line]:
    with database.read() as session:
        return {line.line_id: line for line in session.scalars(select(Line).order_by(Line.position))}


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_lines_are_declared_in_their_order(sqlite_database: Database, started: Run, count: int) -> None:
    for declared in (rows(3)[:count], rows(count)):
        with sqlite_database.write() as session:
            intake.declare_lines(session, started.production_id, declared)
    lines = stored(sqlite_database)
    assert list(lines) == [f"line_{number}" for number in range(count)]
    assert [line.extras for line in lines.values()] == [{"scene": str(number)} for number in range(count)]


def test_only_what_has_changed_is_written(sqlite_database: Database, started: Run) -> None:
    declared = rows(BATCH + 2)
    with sqlite_database.write() as session:
        intake.declare_lines(session, started.production_id, declared)
        session.execute(text("CREATE TEMP TABLE touched AS SELECT line_id FROM lines WHERE 0"))
        session.execute(
            text("CREATE TEMP TRIGGER t AFTER UPDATE ON lines BEGIN INSERT INTO touched VALUES (OLD.line_id); END")
        )
        declared[BATCH + 1] = declared[BATCH + 1]._replace(text="Otherwise.", extras='{"scene": "last"}')
        declared[1] = declared[1]._replace(position=7)
        intake.declare_lines(session, started.production_id, [*declared, *rows(BATCH + 3)[-1:]])
        assert session.scalars(text("SELECT line_id FROM touched")).all() == ["line_1", f"line_{BATCH + 1}"]
    lines = stored(sqlite_database)
    assert (lines[f"line_{BATCH + 1}"].text, lines["line_1"].position, len(lines)) == ("Otherwise.", 7, BATCH + 3)
    assert lines[f"line_{BATCH + 1}"].extras == {"scene": "last"}


def test_lines_are_dropped_by_name(sqlite_database: Database, started: Run) -> None:
    with sqlite_database.write() as session:
        intake.declare_lines(session, started.production_id, rows(BATCH + 2))
        intake.drop_lines(session, started.production_id, [f"line_{number}" for number in range(1, BATCH + 2)])
    assert list(stored(sqlite_database)) == ["line_0"]


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
