"""Which runs there are."""

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.errors import NotFound
from pipeline.intake.models import Production, Run, RunState

LATEST = "latest"
"""Stands for the newest run wherever a run is named."""
IS_RUNNING = Run.state == RunState.RUNNING
IS_PAUSED = IS_RUNNING & Run.paused_at.is_not(None)


def find_run(
    session: Session, account_id: str, run_id: str = LATEST, *, newest: ColumnElement[bool] | None = None
) -> Run:
    """Return a run of the account by its id, its newest, or the newest of the production of that name.

    `newest` says which of them may be meant where no id is given. Raises `NotFound`.
    """
    mine = select(Run).where(Run.account_id == account_id)
    latest = mine.where(*([] if newest is None else [newest])).order_by(Run.id.desc()).limit(1)
    if run_id == LATEST:
        found = session.scalar(latest)
    else:
        of_production = latest.join(Production, Production.id == Run.production_id).where(Production.name == run_id)
        found = session.scalar(mine.where(Run.id == run_id)) or session.scalar(of_production)
    if found is None:
        named = _none_of(newest) if run_id == LATEST else _none_named(session, account_id, run_id, newest)
        raise NotFound(named, hint="`callsheet status --all` lists the runs; `callsheet apply` starts one.")
    return found


def runs(session: Session, account_id: str, *, after: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """List the account's runs, newest first, from the one before `after`."""
    query = select(Run, Production.name).join(Production).where(Run.account_id == account_id)
    if after:
        query = query.where(Run.id < after)
    return [
        {
            "id": run.id,
            "production": name,
            "state": run.state,
            "reason": run.reason,
            "estimate_micros": run.estimate,
            "started_at": iso(run.created_at),
            "closed_at": iso(run.closed_at),
        }
        for run, name in session.execute(query.order_by(Run.id.desc()).limit(limit))
    ]


def _none_named(session: Session, account_id: str, name: str, newest: ColumnElement[bool] | None) -> str:
    mine = select(Production.id).where(Production.account_id == account_id, Production.name == name)
    if session.scalar(mine) is None:
        return f"There is no run and no production {name}."
    return _none_of(newest, f" of {name}")


def _none_of(newest: ColumnElement[bool] | None, whose: str = "") -> str:
    if newest is None:
        return f"There is no run{whose} yet."
    return f"No run{whose} is paused." if newest is IS_PAUSED else f"No run{whose} is under way."
