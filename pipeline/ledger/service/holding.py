"""Holds and transfers: money is held before a paid call, then spent or set free; refunds bring some of it back."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, cast, column, func, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.errors import NotFound, UsageError
from pipeline.ledger.models import Hold, HoldState, Transfer, TransferKind, signed_amount
from pipeline.ledger.money import dollars
from pipeline.ledger.service import budgets
from pipeline.ledger.service.budgets import Payers, provider_owner

# The stage that keeps runs stands above the ledger: all that is asked of it is whose run it is.
_RUNS = table("runs", column("id"), column("production_id"))
_PRODUCTION = select(_RUNS.c.production_id).where(_RUNS.c.id == bindparam("run"))


@dataclass(frozen=True)
class Payment:
    """What a paid attempt has come to; `amount` in micro-dollars is None where the provider did not say."""

    kind: TransferKind
    provider: str
    amount: int | None
    subject: str
    chars: int | None = None


def hold(session: Session, *, account_id: str, run_id: str | None, provider: str, attempt: str, amount: int) -> None:
    """Reserve money before a paid call; raises `BudgetExceeded` and changes nothing where a cap has no room."""
    payers = _payers(session, account_id, run_id, provider)
    budgets.reserve(session, payers, amount)
    session.add(
        Hold(
            attempt=attempt,
            account_id=account_id,
            production_id=payers.production_id,
            run_id=run_id,
            provider=provider,
            amount=amount,
        )
    )
    session.flush()


def settle(session: Session, attempt: str, payment: Payment) -> int:
    """Turn a hold into a transfer and return its micro-dollars: the provider's figure, else what was held.

    A payment of the kind LOSS writes the hold off: paid, and nothing came of it.
    """
    held = _close(session, attempt, HoldState.SETTLED)
    if held is None:
        return 0
    amount = held.amount if payment.amount is None else payment.amount
    budgets.book(session, _payers_of(held), amount, held=held.amount, estimated=payment.amount is None)
    if amount:
        session.add(_transfer(held, payment, amount))
        session.flush()
    return amount


def release(session: Session, attempt: str) -> None:
    """Set the money of an attempt free; harmless where it already is."""
    held = _close(session, attempt, HoldState.RELEASED)
    if held is not None:
        budgets.free(session, _payers_of(held), held.amount)


def lose(  # noqa: PLR0913 - a transfer without a hold to take its facts from
    session: Session,
    *,
    account_id: str,
    run_id: str | None,
    provider: str,
    attempt: str,
    amount: int,
    subject: str,
    confirmed: bool = True,
) -> int:
    """Book a loss for which no money is held any more, whatever the caps, and return its micro-dollars.

    An attempt is lost once: told again, it returns 0. `confirmed` is False where the amount is our own estimate.
    """
    payers = _payers(session, account_id, run_id, provider)
    loss = {
        "id": new_id("pay"),
        "account_id": account_id,
        "kind": TransferKind.LOSS,
        "attempt": attempt,
        "debit": account_id,
        "credit": provider,
        "amount": amount,
        "estimate": 0,
        "source": "provider" if confirmed else "estimate",
        "production_id": payers.production_id,
        "run_id": run_id,
        "subject": subject,
    }
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    booking = insert(Transfer).values(**loss).on_conflict_do_nothing(index_elements=["kind", "attempt"])
    if not amount or session.scalar(booking.returning(Transfer.id)) is None:
        return 0
    budgets.book(session, payers, amount, held=0, estimated=not confirmed)
    return amount


def refund(session: Session, transfer_id: str, amount: int, *, account_id: str) -> Transfer:
    """Book micro-dollars that came back, as a transfer of their own, and make room for them in every budget.

    Raises `NotFound` where the account has no such transfer, `UsageError` where less than `amount` is left of it.
    """
    paid = session.get(Transfer, transfer_id, with_for_update=True)  # two refunds of it are booked one after the other
    if paid is None or paid.account_id != account_id:
        raise NotFound(f"There is no transfer {transfer_id}.", hint="`callsheet ledger` lists them.")
    _require_left(session, paid, amount)
    refund_id = new_id("pay")
    back = Transfer(
        id=refund_id,
        account_id=paid.account_id,
        kind=TransferKind.REFUND,
        attempt=refund_id,
        debit=paid.debit,
        credit=paid.credit,
        amount=amount,
        estimate=0,
        source=paid.source,
        production_id=paid.production_id,
        run_id=paid.run_id,
        reverses=paid.id,
        subject=paid.subject,
    )
    session.add(back)
    session.flush()
    budgets.take_back(session, _payers_of_transfer(paid), amount, estimated=paid.source == "estimate")
    return back


def open_holds(session: Session, prefix: str) -> Iterable[str]:
    """Return the attempts under `prefix` whose money is still held."""
    query = select(Hold.attempt).where(Hold.attempt.startswith(prefix, autoescape=True), Hold.state == HoldState.OPEN)
    return session.scalars(query).all()


def spent(session: Session, owner: str) -> int:
    """Return what the owner of a budget has spent, in micro-dollars, from its transfers."""
    total = cast(func.coalesce(func.sum(signed_amount()), 0), BigInteger)
    mine = (
        (Transfer.account_id == owner)
        | (Transfer.production_id == owner)
        | (Transfer.run_id == owner)
        | (provider_owner("") + Transfer.credit == owner)
    )
    return session.scalar(select(total).where(mine)) or 0


def _payers(session: Session, account_id: str, run_id: str | None, provider: str) -> Payers:
    production = session.scalar(_PRODUCTION, {"run": run_id}) if run_id else None
    return Payers(provider, account_id, production, run_id)


def _payers_of(held: Hold) -> Payers:
    return Payers(held.provider, held.account_id, held.production_id, held.run_id)


def _payers_of_transfer(paid: Transfer) -> Payers:
    return Payers(paid.credit, paid.account_id, paid.production_id, paid.run_id)


def _require_left(session: Session, paid: Transfer, amount: int) -> None:
    back = select(cast(func.coalesce(func.sum(Transfer.amount), 0), BigInteger)).where(
        Transfer.kind == TransferKind.REFUND, Transfer.reverses == paid.id
    )
    left = paid.amount - (session.scalar(back) or 0)
    if paid.kind is TransferKind.REFUND or not 0 < amount <= left:
        raise UsageError(
            f"{dollars(amount)} cannot be refunded of {paid.id}, a {paid.kind} of {dollars(paid.amount)}:"
            f" {dollars(0 if paid.kind is TransferKind.REFUND else left)} of it is left.",
            hint="Give an amount above $0.00 and up to what is left; a refund itself is never refunded.",
        )


def _close(session: Session, attempt: str, state: HoldState) -> Hold | None:
    closing = (
        update(Hold)
        .where(Hold.attempt == attempt, Hold.state == HoldState.OPEN)
        .values(state=state)
        .returning(Hold)
        .execution_options(populate_existing=True)
    )
    return session.scalar(closing)


def _transfer(held: Hold, payment: Payment, amount: int) -> Transfer:
    return Transfer(
        id=new_id("pay"),
        account_id=held.account_id,
        kind=payment.kind,
        attempt=held.attempt,
        debit=held.account_id,
        credit=payment.provider,
        amount=amount,
        estimate=held.amount,
        source="estimate" if payment.amount is None else "provider",
        production_id=held.production_id,
        run_id=held.run_id,
        subject=payment.subject,
        chars=payment.chars,
    )
