"""What is done to a run that is under way: pause, resume, cancel; and the retry of what it has not brought."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from pipeline import control, views
from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import Text
from pipeline.api.schemas import CancelRequest, RetryChoice, RetryRequest
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, NotFound
from pipeline.intake.models import Run
from pipeline.planning import retrying
from pipeline.planning.budget import refusal

router = APIRouter(tags=["runs"], responses=SCOPED)
REFUSED = refusals(NotFound, Conflict)


@router.post("/runs/{run_id}/pause", summary="Start nothing more until the run is resumed", responses=REFUSED)
def pause(run_id: Text, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Hold a run up; what is under way is finished. `latest` is the newest that is under way."""
    with edge.write() as session:
        run = _find(session, account_id, run_id, views.IS_RUNNING)
        control.pause(session, run)
    return _status(edge, account_id, run.id)


@router.post("/runs/{run_id}/resume", summary="Let a paused run go on", responses=REFUSED | refusals(ConsentRequired))
def resume(run_id: Text, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Let a run go on, with nothing counted against it. `latest` is the newest that is paused."""
    with edge.write() as session:
        run = _find(session, account_id, run_id, views.IS_PAUSED)
        control.resume(session, run)
    return _status(edge, account_id, run.id)


@router.post("/runs/{run_id}/cancel", summary="Start nothing more of a run, or of some of its lines", responses=REFUSED)
def cancel(run_id: Text, body: CancelRequest, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Cancel for good. What is under way is finished, what was made is kept, the money held for the rest is free.

    `cancelled` says how many takes some lines came to; `latest` is the newest run that is under way.
    """
    with edge.read() as session:
        run = _find(session, account_id, run_id, views.IS_RUNNING)
    if body.characters or body.lines:
        chosen = control.Chosen(body.characters, body.lines)
        cancelled = control.cancel_lines(edge.read, edge.write, run.id, chosen)
        return {"cancelled": vars(cancelled), **_status(edge, account_id, run.id)}
    with edge.write() as session:
        control.cancel(session, session.get_one(Run, run.id))
    return {"cancelled": None, **_status(edge, account_id, run.id)}


@router.post(
    "/runs/{run_id}/retry/plan",
    summary="What a retry of a run would make",
    responses=refusals(NotFound, ConsentRequired),
)
def plan_retry(
    run_id: Text, body: RetryChoice, edge: TheEdge, account_id: AccountId, market: TheMarket
) -> dict[str, Any]:
    """Tell what would be made, and its price. Nothing is written and the provider is not asked.

    `left` counts what a retry cannot mend, by cause; `over_budget` is the error that it would be refused with.
    """
    with edge.read() as session:
        run = views.find_run(session, account_id, run_id)
        retry = retrying.draw_up(session, run, retrying.Choice(body.causes, body.lines), market)
        refused = refusal(session, account_id, retry, body.budget_micros)
        return {**retry.as_dict(), "run": run.id, "over_budget": refused.as_dict() if refused else None}


@router.post(
    "/runs/{run_id}/retry",
    status_code=201,
    summary="Start a run of what another has not brought",
    responses=refusals(NotFound, Conflict, BudgetExceeded, ConsentRequired),
)
def retry(run_id: Text, body: RetryRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run. Refused with 409 where it is not the retry agreed to, or nothing is left; with 402 as an apply."""
    with edge.write() as session:
        run = views.find_run(session, account_id, run_id)
        started = retrying.apply(
            session,
            run,
            retrying.Choice(body.causes, body.lines),
            market,
            agreed=body.agreed,
            budget=body.budget_micros,
            mode=body.budget_mode,
        )
    return _status(edge, account_id, started.id)


def _find(session: Session, account_id: str, run_id: str, newest: ColumnElement[bool]) -> Run:
    return views.find_run(session, account_id, run_id, newest=newest)


def _status(edge: TheEdge, account_id: str, run_id: str) -> dict[str, Any]:
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))
