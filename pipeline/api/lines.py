"""Productions, their lines and the takes that speak them."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.errors import NotFound
from pipeline.packs import service as packs

router = APIRouter(tags=["productions"])


@router.get("/productions", summary="The account's productions")
def list_productions(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List productions with the number of lines and of spoken ones."""
    with edge.read() as session:
        return {"data": views.productions(session, account_id)}


@router.get("/productions/{name}/lines", summary="A production's lines and their takes")
def list_lines(
    name: str, edge: TheEdge, account_id: AccountId, after: int = -1, limit: int = views.PAGE_LIMIT
) -> dict[str, Any]:
    """List lines in the order of the sheet; `after` is the last position of the page before."""
    with edge.read() as session:
        rows = views.line_takes(session, account_id, name, after=after, limit=limit)
    return {"data": rows, "has_more": len(rows) == limit}


@router.get("/productions/{name}/pack", summary="Where to download each spoken line, and under which name")
def pack(name: str, edge: TheEdge, account_id: AccountId, after: int = -1) -> dict[str, Any]:
    """List the files of a cast pack with URLs valid for ten minutes."""
    with edge.read() as session:
        rows = views.line_takes(session, account_id, name, after=after)
    if not rows and after < 0:
        raise NotFound(f"There is no production {name}.", hint="`callsheet status --all` lists what there is.")
    return {"data": packs.files(edge.store, rows), "has_more": len(rows) == views.PAGE_LIMIT}
