"""Productions, their lines and the takes that speak them."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import AfterPosition, Limit, Text, page
from pipeline.errors import NotFound
from pipeline.intake import service as intake
from pipeline.packs import service as packs

router = APIRouter(tags=["productions"], responses=SCOPED)


@router.get("/productions", summary="The account's productions")
def list_productions(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List productions with the number of lines and of spoken ones."""
    with edge.read() as session:
        return {"data": views.productions(session, account_id)}


@router.get("/productions/{name}/lines", summary="A production's lines and their takes", responses=refusals(NotFound))
def list_lines(
    name: Text, edge: TheEdge, account_id: AccountId, after: AfterPosition = -1, limit: Limit = views.PAGE_LIMIT
) -> dict[str, Any]:
    """List lines in the order of the sheet."""
    with edge.read() as session:
        _require_production(session, account_id, name)
        return page(views.line_takes(session, account_id, name, after=after, limit=limit + 1), limit)


@router.get(
    "/productions/{name}/pack",
    summary="Where to download each spoken line, and under which name",
    responses=refusals(NotFound),
)
def pack(
    name: Text, edge: TheEdge, account_id: AccountId, after: AfterPosition = -1, limit: Limit = views.PAGE_LIMIT
) -> dict[str, Any]:
    """List the files of a cast pack with URLs valid for ten minutes."""
    with edge.read() as session:
        _require_production(session, account_id, name)
        rows = views.line_takes(session, account_id, name, after=after, limit=limit + 1)
    return page(packs.files(edge.store, rows), limit)


def _require_production(session: Session, account_id: str, name: str) -> None:
    if intake.find_production(session, account_id, name) is None:
        raise NotFound(f"There is no production {name}.", hint="`callsheet status --all` lists what there is.")
