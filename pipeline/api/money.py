"""Money: the ledger, what each thing was to cost and did, caps, refunds, and the audit of all of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from pipeline import statements
from pipeline.api.deps import AccountId, Actor, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.paging import AfterId, Limit, Text, page
from pipeline.api.schemas import CapRequest, RefundRequest
from pipeline.audit import audit
from pipeline.errors import NotFound, UsageError
from pipeline.intake import service as intake
from pipeline.ledger import service as ledger
from pipeline.speech.service.blocking import note_refund
from pipeline.statements import By

router = APIRouter(tags=["money"], responses=SCOPED)


@router.get("/ledger", summary="What has left the account and what came back, oldest first")
def list_transfers(
    edge: TheEdge,
    account_id: AccountId,
    run: Text | None = None,
    after: AfterId = None,
    limit: Limit = statements.PAGE_LIMIT,
) -> dict[str, Any]:
    """List transfers; `run` leaves those of one run. The first page comes with the account's sums."""
    with edge.read() as session:
        rows = statements.transfers(session, account_id, run_id=run, after=after or "", limit=limit + 1)
        sums = {} if after else {"balance": statements.balance(session, account_id)}
        return {**page(rows, limit), **sums}


@router.get("/ledger/statement", summary="What lines, voices, productions or runs were to cost, and what they did")
def statement(
    edge: TheEdge,
    account_id: AccountId,
    by: Annotated[By, Query(description="What there is a row for.")],
    after: Annotated[Text | None, Query(description="Key of the last row of the page before.")] = None,
    limit: Limit = statements.PAGE_LIMIT,
) -> dict[str, Any]:
    """Compare estimates with what was paid, in the order of the keys."""
    with edge.read() as session:
        return page(statements.statement(session, account_id, by, after=after or "", limit=limit + 1), limit)


@router.post(
    "/ledger/{transfer}/refunds",
    status_code=201,
    summary="Book money of a transfer that came back",
    responses=refusals(UsageError, NotFound),
)
def book_refund(
    transfer: Text, body: RefundRequest, edge: TheEdge, account_id: AccountId, actor: Actor
) -> dict[str, Any]:
    """Book a refund as a transfer of its own, with the reason; every budget has room for it again."""
    with edge.write() as session:
        back = ledger.refund(session, transfer, body.amount_micros, account_id=account_id)
        note_refund(session, back.subject or "", back.amount)
        detail = {"amount_micros": back.amount, "refund": back.id}
        who = named(actor, body.by)
        ledger.decide(
            session,
            account_id=account_id,
            actor=who,
            action="refund",
            subject=transfer,
            reason=body.reason,
            detail=detail,
        )
        return {"id": back.id, "reverses": transfer, "amount_micros": -back.amount, "reason": body.reason, "by": who}


@router.get("/caps", summary="The caps that bind the account, and what is left of them")
def list_caps(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List the caps of the provider, of the account and of its productions."""
    with edge.read() as session:
        return {"data": statements.caps(session, account_id, edge.provider.name)}


@router.put("/caps/account", summary="Set the account's cap", responses=refusals(UsageError))
def set_account_cap(body: CapRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Set what the account may ever spend; refused where more is spent or held already."""
    with edge.write() as session:
        return _set_cap(session, account_id, body, account_id, actor)


@router.put("/caps/productions/{name}", summary="Set the cap of a production", responses=refusals(UsageError, NotFound))
def set_production_cap(
    name: Text, body: CapRequest, edge: TheEdge, account_id: AccountId, actor: Actor
) -> dict[str, Any]:
    """Set what all runs of a production together may ever spend; refused where more is spent or held already."""
    with edge.write() as session:
        production = intake.find_production(session, account_id, name)
        if production is None:
            raise NotFound(f"There is no production {name}.", hint="`callsheet status --all` lists what there is.")
        return _set_cap(session, production.id, body, account_id, actor)


@router.get("/audit", summary="Recompute every promise about money from the rows")
def run_audit(edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Check I1 to I10 for the account: what was checked, how many rows, and those that break a promise."""
    with edge.read() as session:
        return audit(session, account_id).as_dict()


def _set_cap(session: Session, owner: str, body: CapRequest, account_id: str, actor: str) -> dict[str, Any]:
    who = named(actor, body.by)
    ledger.set_cap(session, owner, body.cap_micros, account_id=account_id, actor=who, reason=body.reason)
    return {"cap_micros": body.cap_micros, "reason": body.reason, "by": who}


def named(actor: str, name: str) -> str:
    """Return who decided, for the record: the id of the key, and the name given with it."""
    return f"{actor} {name}".strip()
