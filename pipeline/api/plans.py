"""Plans: what a run would do, why, and at what price."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.schemas import PlanRequest
from pipeline.errors import UsageError
from pipeline.intake.rules import read_project
from pipeline.planning import service as planning
from pipeline.planning.rules import Plan

router = APIRouter(tags=["plans"])


@router.post("/plans", summary="What a run of this project would do")
def plan(body: PlanRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Compare the project with what exists. Nothing is written and the provider is not asked."""
    documents = _decoded(body.documents)
    project = read_project(body.project, lambda path: _document(documents, path))
    with edge.read() as session:
        return describe(planning.draw_up(session, account_id, planning.Submission(project, body.references), market))


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
    try:
        return {path: base64.b64decode(body, validate=True) for path, body in documents.items()}
    except binascii.Error:
        raise UsageError("The documents are not base64.", hint="Encode each document's bytes in base64.") from None


def _document(documents: Mapping[str, bytes], path: str) -> bytes:
    if path not in documents:
        raise FileNotFoundError(path)
    return documents[path]
