"""Paid calls of unclear outcome: what waits, and what a person decides about it."""

from typing import Any

from fastapi import APIRouter

from pipeline import doubts
from pipeline.api.deps import AccountId, Actor, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import AfterId, Limit, Text, page
from pipeline.api.schemas import DecisionRequest
from pipeline.edge import Edge
from pipeline.errors import BudgetExceeded, Conflict, NotFound, UsageError
from pipeline.voices import service as voices

router = APIRouter(tags=["reconcile"], responses=SCOPED)


@router.get("/reconcile", summary="Paid calls whose outcome is unclear, and voices that came too late")
def list_waiting(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List what waits for evidence and what for a person: the money, what was seen, and every choice with its effect.

    `waiting` counts all of it.
    """
    return _waiting(edge, account_id)


@router.get("/reconcile/decisions", summary="What people have decided about money, oldest first")
def list_decisions(
    edge: TheEdge, account_id: AccountId, after: AfterId = None, limit: Limit = doubts.PAGE_LIMIT
) -> dict[str, Any]:
    """List decisions with who, why and what was decided; caps and refunds are among them."""
    with edge.read() as session:
        return page(doubts.decisions(session, account_id, after=after or "", limit=limit + 1), limit)


@router.post(
    "/reconcile/{subject}",
    status_code=201,
    summary="Decide about a paid call or a voice that came too late",
    responses=refusals(UsageError, NotFound, Conflict, BudgetExceeded),
)
def decide(subject: Text, body: DecisionRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Carry a decision out and keep it with its reason; 409 while evidence is looked for, or where it is decided."""
    who = f"{actor} {body.by}".strip()
    decided = voices.Decided(body.action, actor=who, reason=body.reason, provider_voice_id=body.voice_id)
    with edge.write() as session:
        kept = voices.decide(session, account_id, subject, decided, capabilities=edge.provider.capabilities())
        told = doubts.decision(kept)
    return {"decision": told, "waiting": _waiting(edge, account_id)["waiting"]}


def _waiting(edge: Edge, account_id: str) -> dict[str, Any]:
    rules = edge.provider.capabilities()
    with edge.read() as session:
        return doubts.waiting(session, account_id, capabilities=rules, quiescence_seconds=edge.quiescence_seconds)
