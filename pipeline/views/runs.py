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
    """Return a run of the account, or its newest; raises `NotFound`. `newest` says which of them may be meant."""
    mine = select(Run).where(Run.account_id == account_id)
    latest = mine.where(*([] if newest is None else [newest])).order_by(Run.id.desc()).limit(1)
    run = session.scalar(latest if run_id == LATEST else mine.where(Run.id == run_id))
    if run is None:
        named = _none_of(newest) if run_id == LATEST else f"There is no run {run_id}."
        raise NotFound(named, hint="`callsheet status --all` lists the runs; `callsheet apply` starts one.")
    return run


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


def _none_of(newest: ColumnElement[bool] | None) -> str:
    if newest is None:
        return "There is no run yet."
    return "No run is paused." if newest is IS_PAUSED else "No run is under way."
