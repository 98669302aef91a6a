"""What an account owns."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import Text
from pipeline.errors import Conflict, NotFound
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


@router.get(
    "/voices/{name}",
    summary="One voice, by its id, its label or the provider's id",
    responses=refusals(NotFound, Conflict),
)
def show_voice(name: Text, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Tell whose it is and what allows it, what it was made of, what it has spoken, and where its first words are.

    The links to what it was made of and to its audition are valid for ten minutes.
    """
    with edge.read() as session:
        shown = views.voice(session, account_id, name)
    for part in ("reference", "audition"):
        if shown[part] is not None:
            key = shown[part].pop("object_key")
            shown[part]["url"] = edge.store.download_url(key) if key else None
    return shown


@router.get("/system-voices", summary="Voices of the provider that need no cloning")
def system_voices(edge: TheEdge, _account_id: AccountId) -> dict[str, Any]:
    """Ask the provider for its own voices."""
    return {"data": [vars(voice) for voice in edge.provider.system_voices()]}
