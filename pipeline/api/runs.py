"""Runs: start one, and see how it stands."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import AfterId, Limit, Text, page
from pipeline.api.schemas import RunRequest
from pipeline.api.submissions import read_submitted, uploaded_recordings
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, InvalidSheet, NotFound, UsageError
from pipeline.planning import service as planning

router = APIRouter(tags=["runs"], responses=SCOPED)


@router.post(
    "/runs",
    status_code=201,
    summary="Apply a project: make what its plan says, and nothing else",
    responses=refusals(UsageError, BudgetExceeded, ConsentRequired, Conflict, InvalidSheet),
)
def start_run(body: RunRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run. Refused with 409 where the plan is no longer the one agreed to, with 402 where a cap is too low."""
    project = read_submitted(edge, account_id, body.project, inline={}, files=body.files)
    cast = [talent.reference for talent in project.talents.values()]
    recordings = uploaded_recordings(edge, account_id, body.files, cast)
    run_id = planning.start(
        edge,
        account_id,
        planning.Submission(project, recordings, planning.Selection.of(body.only, project), body.fresh, body.priority),
        market,
        agreed=body.agreed,
        budget=body.budget_micros,
        mode=body.budget_mode,
    )
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))


@router.get("/runs", summary="The account's runs, newest first")
def list_runs(edge: TheEdge, account_id: AccountId, after: AfterId = None, limit: Limit = 20) -> dict[str, Any]:
    """List runs with their state, price and reason."""
    with edge.read() as session:
        return page(views.runs(session, account_id, after=after, limit=limit + 1), limit)


@router.get("/runs/{run_id}", summary="How a run stands; `latest` is the newest", responses=refusals(NotFound))
def run_status(run_id: Text, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Tell counts, money, voices and failures by cause. The name of a production stands for its newest run."""
    with edge.read() as session:
        run = views.find_run(session, account_id, run_id)
        return views.run_status(session, run)
