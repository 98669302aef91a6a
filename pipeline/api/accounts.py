"""What an account owns and has paid for."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED
from pipeline.api.paging import AfterId, Limit, Text, page
from pipeline.voices import service as voices

router = APIRouter(tags=["account"], responses=SCOPED)


@router.get("/voices", summary="The account's voices")
def list_voices(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List voices, and the paid attempts whose outcome is not known."""
    with edge.read() as session:
        return {
            "data": views.voices(session, account_id),
            "unclear": views.unclear_attempts(voices.unclear(session, account_id)),
        }


@router.get("/system-voices", summary="Voices of the provider that need no cloning")
def system_voices(edge: TheEdge, _account_id: AccountId) -> dict[str, Any]:
    """Ask the provider for its own voices."""
    return {"data": [vars(voice) for voice in edge.provider.system_voices()]}


@router.get("/ledger", summary="What has left the account, oldest first")
def ledger(
    edge: TheEdge,
    account_id: AccountId,
    run: Text | None = None,
    after: AfterId = None,
    limit: Limit = views.PAGE_LIMIT,
) -> dict[str, Any]:
    """List transfers with the account's sums; `run` leaves those of one run."""
    with edge.read() as session:
        rows = views.transfers(session, account_id, run_id=run, after=after or "", limit=limit + 1)
        return {**page(rows, limit), "balance": views.balance(session, account_id)}
