"""The music and the covers that the account's episodes share."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import Limit, Text, page
from pipeline.api.schemas import MusicRequest
from pipeline.errors import Conflict, NotFound, UsageError
from pipeline.packs.service import music
from pipeline.views import PAGE_LIMIT

router = APIRouter(tags=["music"], responses=SCOPED)
Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="What scripts call it.")]


@router.get("/music", summary="The music and covers that scripts can name, and where to fetch them")
def list_music(
    edge: TheEdge, account_id: AccountId, after: Text | None = None, limit: Limit = PAGE_LIMIT
) -> dict[str, Any]:
    """List them by name, with URLs valid for ten minutes."""
    found = [piece for piece in music.shelved(edge.store, account_id) if piece.name > (after or "")]
    return page([_told(edge, piece) for piece in found[: limit + 1]], limit)


@router.put(
    "/music/{name}", summary="A form to share a piece of music, or a cover", responses=refusals(UsageError, Conflict)
)
def put_music(name: Name, body: MusicRequest, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Return a form valid for ten minutes; the piece has the name as soon as it is uploaded."""
    largest = edge.reference_rules.max_bytes
    if body.bytes > largest:
        raise UsageError(
            f"The file has {body.bytes:,} bytes, more than {largest:,}.",
            hint="Store it as MP3 or FLAC, a cover as JPEG.",
        )
    form = music.shelve(
        edge.store,
        account_id,
        name,
        sha256=body.sha256,
        suffix=body.suffix,
        size=body.bytes,
        replace=body.replace,
    )
    sent = {"url": form.url, "fields": dict(form.fields)} if form else None
    return {"name": name, "sha256": body.sha256, "present": form is None, "form": sent}


@router.delete("/music/{name}", summary="Take a piece of music, or a cover, away", responses=refusals(NotFound))
def remove_music(name: Name, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Remove a name with all that was under it; episodes that were built of it keep their sound."""
    music.remove(edge.store, account_id, name)
    return {"name": name, "removed": True}


def _told(edge: TheEdge, piece: music.Piece) -> dict[str, Any]:
    return {
        "name": piece.name,
        "number": piece.number,
        "suffix": piece.suffix,
        "bytes": piece.size,
        "sha256": piece.sha256,
        "url": edge.store.download_url(piece.key),
    }
