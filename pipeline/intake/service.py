"""Productions and runs: what was declared, and how each run of it stands."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.db.leases import rowcount
from pipeline.errors import RunStopped
from pipeline.intake.models import Line, Production, Run, RunState
from pipeline.intake.rules import Project

BATCH = 1_000
"""Rows a statement: bounded by SQLite's 32,766 variables."""


def find_production(session: Session, account_id: str, name: str) -> Production | None:
    """Return the production of that name in the account."""
    return session.scalar(select(Production).where(Production.account_id == account_id, Production.name == name))


def declare_production(session: Session, account_id: str, project: Project) -> Production:
    """Create the production, or bring its title and language up to date."""
    production = find_production(session, account_id, project.production)
    if production is None:
        production = Production(id=new_id("prod"), account_id=account_id, name=project.production)
        session.add(production)
    production.title = project.title
    production.language = project.language
    session.flush()
    return production


def declare_lines(session: Session, production_id: str, lines: Iterable[Mapping[str, object]]) -> None:
    """Make the production's lines exactly these; takes of lines that are gone stay."""
    session.execute(delete(Line).where(Line.production_id == production_id))
    rows = [{"production_id": production_id, **line} for line in lines]
    for start in range(0, len(rows), BATCH):
        session.execute(insert(Line), rows[start : start + BATCH])


def open_run(session: Session, production: Production, *, plan_digest: str, estimate: int) -> Run:
    """Start a run of a production; `estimate` in micro-dollars."""
    run = Run(
        id=new_id("run"),
        account_id=production.account_id,
        production_id=production.id,
        plan_digest=plan_digest,
        estimate=estimate,
    )
    session.add(run)
    session.flush()
    return run


def is_stopped(session: Session, run_id: str) -> bool:
    """Tell whether a run may start nothing more."""
    run = session.get(Run, run_id)
    return run is None or run.reason is not None or run.state is not RunState.RUNNING


def require_running(session: Session, run_id: str) -> None:
    """Raise `RunStopped` where a run may start nothing more."""
    if is_stopped(session, run_id):
        raise RunStopped("The run has been stopped.", hint="Apply again to go on.")


def stop_run(session: Session, run_id: str, reason: str) -> None:
    """Let a run start nothing more; `reason` is the error code. What is under way is finished."""
    stopping = update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING, Run.reason.is_(None))
    if rowcount(session, stopping.values(reason=reason)):
        emit(session, "run.stopped", run_id)


def count_waste(session: Session, run_id: str, calls: int) -> int:
    """Add to the paid calls of a run that brought nothing that could be kept, and return how many there are.

    A negative number takes back what turned out to have brought something after all.
    """
    counting = update(Run).where(Run.id == run_id, Run.wasted + calls >= 0).values(wasted=Run.wasted + calls)
    return session.scalar(counting.returning(Run.wasted)) or 0


def close_run(session: Session, run_id: str, state: RunState) -> bool:
    """End a run; False where it has ended already."""
    closing = update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING)
    return rowcount(session, closing.values(state=state, closed_at=now_ms())) == 1
