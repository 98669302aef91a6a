"""Runs as a person starts them, looks at them and steps in."""

from typing import Any

from sqlalchemy import func, select

from pipeline import control, views
from pipeline.intake.models import Run
from pipeline.planning import retrying
from pipeline.planning import service as planning
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from tests.support import factories
from tests.support.factories import Sheet
from tests.support.stage import Stage


def start(stage: Stage, sheet: Sheet, account_id: str | None = None, **change: Any) -> str:
    """Apply a sheet; nothing of it is spoken yet."""
    with stage.edge.write() as session:
        owner = account_id or factories.account(session).id
        submission, market = sheet.submission(**change), factories.market()
        return planning.apply(session, owner, submission, market, agreed=None, budget=None).id


def lines(count: int, *, first: int = 0) -> Sheet:
    return Sheet().system("herald").says("herald", *(f"Line {number}." for number in range(first, first + count)))


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def status(stage: Stage, run_id: str) -> dict[str, Any]:
    with stage.database.read() as session:
        return views.run_status(session, session.get_one(Run, run_id))


def states(stage: Stage) -> dict[TakeState, int]:
    with stage.database.read() as session:
        return dict(session.execute(select(Take.state, func.count()).group_by(Take.state)).all())


def do(stage: Stage, action: Any, run_id: str) -> None:
    with stage.edge.write() as session:
        action(session, session.get_one(Run, run_id))


def cancel_lines(stage: Stage, run_id: str, *, characters: Any = (), ids: Any = ()) -> control.Cancelled:
    return control.cancel_lines(stage.edge.read, stage.edge.write, run_id, control.Chosen(characters, ids))


def retry(stage: Stage, run_id: str, *, causes: Any = (), ids: Any = (), agreed: str | None = None) -> str:
    with stage.edge.write() as session:
        choice = retrying.Choice(causes, ids)
        earlier = session.get_one(Run, run_id)
        return retrying.apply(session, earlier, choice, factories.market(), agreed=agreed, budget=None).id


def drawn(stage: Stage, run_id: str, *, causes: Any = (), ids: Any = ()) -> dict[str, Any]:
    with stage.database.read() as session:
        choice = retrying.Choice(causes, ids)
        return retrying.draw_up(session, session.get_one(Run, run_id), choice, factories.market()).as_dict()
