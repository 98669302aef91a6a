"""Talents: what each has allowed, what was made of it, and that nothing more may be, until it may again."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints

from pipeline import suspending, views
from pipeline.api.deps import AccountId, Actor, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.money import named
from pipeline.api.paging import Limit, Text, page
from pipeline.api.schemas import TalentRequest
from pipeline.errors import NotFound

router = APIRouter(tags=["talents"], responses=SCOPED)
UNKNOWN = refusals(NotFound)
Talent = Annotated[Text, Path(description="The talent's name; case, white space and composition do not matter.")]
AfterLine = Annotated[
    Annotated[str, StringConstraints(max_length=views.KEY_LIMIT, pattern=r"^[^\x00]*$")] | None,
    Query(description="Key of the last line of the page before."),
]


@router.get("/talents", summary="The account's talents")
def list_talents(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List talents by name: consents and until when, suspended or not, voices, lines spoken and what they cost."""
    with edge.read() as session:
        return {"data": views.talents(session, account_id)}


@router.get(
    "/talents/{name:path}/lines", summary="Every line made under a talent's consents, oldest first", responses=UNKNOWN
)
def list_lines(
    name: Talent, edge: TheEdge, account_id: AccountId, after: AfterLine = None, limit: Limit = views.PAGE_LIMIT
) -> dict[str, Any]:
    """List a row for each line that a take speaks or has spoken; a take that several share costs with the first."""
    with edge.read() as session:
        return page(views.talent_lines(session, account_id, name, after=after or "", limit=limit + 1), limit)


@router.get("/talents/{name:path}", summary="One talent, its consents and what was said of it", responses=UNKNOWN)
def show_talent(name: Talent, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Tell of consents word for word, of suspensions who, when and why, of voices, and of lines by production."""
    with edge.read() as session:
        return views.talent(session, account_id, name)


@router.post(
    "/talents/{name:path}/suspend", summary="Make and speak nothing more with a talent's voices", responses=UNKNOWN
)
def suspend(name: Talent, body: TalentRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Suspend a talent under every consent of its name, those declared later included; what exists is kept.

    `stopped` counts what was in the queue, and what is under way: calls that were sent are finished and paid.
    """
    who = named(actor, body.by)
    stopped = suspending.suspend(edge.read, edge.write, account_id, name, reason=body.reason, by=who)
    with edge.read() as session:
        return {**views.talent(session, account_id, name), "stopped": vars(stopped)}


@router.post(
    "/talents/{name:path}/reinstate", summary="Let a talent's voices be made and speak again", responses=UNKNOWN
)
def reinstate(name: Talent, body: TalentRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Reinstate a talent, as far as its consents reach. What was stopped waits for the next apply or retry."""
    who = named(actor, body.by)
    changed = suspending.reinstate(edge.write, account_id, name, reason=body.reason, by=who)
    with edge.read() as session:
        return {**views.talent(session, account_id, name), "changed": changed}
