"""What an account owns."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED
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
