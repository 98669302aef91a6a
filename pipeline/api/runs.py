"""Runs: start one, and see how it stands."""

import hashlib
from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import AfterId, Limit, Text, page
from pipeline.api.schemas import RunRequest
from pipeline.edge import Edge
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, InvalidSheet, NotFound, UsageError
from pipeline.intake.rules import Project, read_project
from pipeline.planning import service as planning
from pipeline.references.rules import upload_key
from pipeline.storage.port import ObjectMissing

router = APIRouter(tags=["runs"], responses=SCOPED)


@router.post(
    "/runs",
    status_code=201,
    summary="Apply a project: make what its plan says, and nothing else",
    responses=refusals(UsageError, BudgetExceeded, ConsentRequired, Conflict, InvalidSheet),
)
def start_run(body: RunRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run. Refused with 409 where the plan is no longer the one agreed to, with 402 where a cap is too low."""
    project = read_project(body.project, lambda path: _uploaded(edge, account_id, body, path))
    recordings = _uploaded_recordings(edge, account_id, body, project)
    with edge.write() as session:
        run = planning.apply(
            session,
            account_id,
            planning.Submission(project, recordings),
            market,
            agreed=body.agreed,
            budget=body.budget_micros,
            mode=body.budget_mode,
        )
        run_id = run.id
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))


@router.get("/runs", summary="The account's runs, newest first")
def list_runs(edge: TheEdge, account_id: AccountId, after: AfterId = None, limit: Limit = 20) -> dict[str, Any]:
    """List runs with their state, price and reason."""
    with edge.read() as session:
        return page(views.runs(session, account_id, after=after, limit=limit + 1), limit)


@router.get("/runs/{run_id}", summary="How a run stands; `latest` is the newest", responses=refusals(NotFound))
def run_status(run_id: Text, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Tell counts, money, voices and failures by cause."""
    with edge.read() as session:
        run = views.find_run(session, account_id, None if run_id == "latest" else run_id)
        return views.run_status(session, run)


def _uploaded(edge: Edge, account_id: str, body: RunRequest, path: str) -> bytes:
    if path not in body.files:
        raise FileNotFoundError(path)
    key = upload_key(account_id, body.files[path])
    try:
        content = edge.store.get(key)
    except ObjectMissing:
        raise FileNotFoundError(path) from None
    if hashlib.sha256(content).hexdigest() != body.files[path]:
        # While it lies there, POST /v1/uploads says that the file is present and gives no form for the right one.
        edge.store.delete(key)
        raise UsageError(f"{path} is not the file that was submitted.", hint="Upload it again.")
    return content


def _uploaded_recordings(edge: Edge, account_id: str, body: RunRequest, project: Project) -> dict[str, str]:
    """Return the SHA-256 of each recording by path; raises `UsageError` naming those that are not there."""
    named = {talent.reference: body.files.get(talent.reference) for talent in project.talents.values()}
    there = {path: sha for path, sha in named.items() if sha and edge.store.head(upload_key(account_id, sha))}
    missing = [path for path in named if path not in there]
    if missing:
        hint = "List them under `files` and use the forms of POST /v1/uploads first."
        raise UsageError(f"Not uploaded: {', '.join(missing)}.", hint=hint)
    return there
