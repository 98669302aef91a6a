"""Runs: start one, and see how it stands."""

import hashlib
from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.schemas import RunRequest
from pipeline.edge import Edge
from pipeline.errors import UsageError
from pipeline.intake.rules import read_project
from pipeline.planning import service as planning
from pipeline.references.rules import upload_key
from pipeline.storage.port import ObjectMissing

router = APIRouter(tags=["runs"])


@router.post("/runs", status_code=201, summary="Apply a project: make what its plan says, and nothing else")
def start_run(body: RunRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run. Refused with 409 where the plan is no longer the one agreed to."""
    project = read_project(body.project, lambda path: _uploaded(edge, account_id, body, path))
    recordings = {talent.reference: body.files[talent.reference] for talent in project.talents.values()}
    _require_uploaded(edge, account_id, recordings)
    with edge.write() as session:
        run = planning.apply(
            session,
            account_id,
            planning.Submission(project, recordings),
            market,
            agreed=body.agreed,
            budget=body.budget_micros,
        )
        run_id = run.id
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))


@router.get("/runs", summary="The account's runs, newest first")
def list_runs(edge: TheEdge, account_id: AccountId, after: str | None = None, limit: int = 20) -> dict[str, Any]:
    """List runs; `after` is the last id of the page before."""
    with edge.read() as session:
        return {"data": views.runs(session, account_id, after=after, limit=limit)}


@router.get("/runs/{run_id}", summary="How a run stands; `latest` is the newest")
def run_status(run_id: str, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Tell counts, money, voices and failures by cause."""
    with edge.read() as session:
        run = views.find_run(session, account_id, None if run_id == "latest" else run_id)
        return views.run_status(session, run)


def _uploaded(edge: Edge, account_id: str, body: RunRequest, path: str) -> bytes:
    if path not in body.files:
        raise FileNotFoundError(path)
    try:
        content = edge.store.get(upload_key(account_id, body.files[path]))
    except ObjectMissing:
        raise FileNotFoundError(path) from None
    if hashlib.sha256(content).hexdigest() != body.files[path]:
        raise UsageError(f"{path} is not the file that was submitted.", hint="Upload it again.")
    return content


def _require_uploaded(edge: Edge, account_id: str, recordings: dict[str, str]) -> None:
    missing = [path for path, sha in recordings.items() if edge.store.head(upload_key(account_id, sha)) is None]
    if missing:
        raise UsageError(f"Not uploaded: {', '.join(missing)}.", hint="Use the forms of POST /v1/uploads first.")
