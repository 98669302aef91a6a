"""Plans: what a run would do, why, and at what price."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.schemas import PlanRequest
from pipeline.errors import ConsentRequired, InvalidSheet, UsageError
from pipeline.intake.rules import read_project
from pipeline.planning import service as planning
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.rules import Plan

router = APIRouter(tags=["plans"], responses=SCOPED)


@router.post(
    "/plans",
    summary="What a run of this project would do",
    responses=refusals(UsageError, ConsentRequired, InvalidSheet),
)
def plan(body: PlanRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Compare the project with what exists. Nothing is written and the provider is not asked.

    `over_budget` is the error that a run of it would be refused with, or null where every cap has room for it.
    """
    documents = _decoded(body.documents)
    project = read_project(body.project, lambda path: _document(documents, path))
    with edge.read() as session:
        drawn = planning.draw_up(session, account_id, planning.Submission(project, body.references), market)
        refused = refusal(session, account_id, drawn, run_cap(project, body.budget_micros))
        return {**describe(drawn), "over_budget": refused.as_dict() if refused else None}


def describe(plan: Plan) -> dict[str, Any]:
    """Return a plan as the API shows it."""
    return {
        "digest": plan.digest(),
        "production": plan.production,
        "provider": plan.provider,
        "totals": plan.totals(),
        "voices": [asdict(voice) for voice in plan.voices],
        "lines": [asdict(line) for line in plan.lines],
        "removed": list(plan.removed),
    }


def _decoded(documents: Mapping[str, str]) -> dict[str, bytes]:
    return {path: _bytes(path, body) for path, body in documents.items()}


def _bytes(path: str, body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:  # binascii.Error is one; characters beyond ASCII raise the plain one
        raise UsageError(f"{path} is not base64.", hint="Encode each document's bytes in base64.") from None


def _document(documents: Mapping[str, bytes], path: str) -> bytes:
    if path not in documents:
        raise FileNotFoundError(path)
    return documents[path]
