"""Holds and transfers: money is held before a paid call, then spent or set free; refunds bring some of it back."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import BigInteger, bindparam, cast, column, func, insert, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.errors import BudgetExceeded, NotFound, UsageError
from pipeline.ledger.models import Hold, HoldState, Transfer, TransferKind, signed_amount
from pipeline.ledger.money import dollars
from pipeline.ledger.service import budgets
from pipeline.ledger.service.budgets import Payers, provider_owner

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

# The stage that keeps runs stands above the ledger: all that is asked of it is whose run it is.
_RUNS = table("runs", column("id"), column("production_id"))
_PRODUCTION = select(_RUNS.c.production_id).where(_RUNS.c.id == bindparam("run"))
_IS_OPEN = (Hold.attempt.in_(bindparam("attempts", expanding=True)), Hold.state == HoldState.OPEN)
# Locked in one order: two that close several at once would wait for each other.
_LOCKED = select(Hold.attempt).where(*_IS_OPEN).order_by(Hold.attempt).with_for_update().cte("locked")
_CLOSE = (
    update(Hold)
    .where(*_IS_OPEN, Hold.attempt.in_(select(_LOCKED.c.attempt)))
    .values(state=bindparam("becomes", type_=Hold.state.type))
    .returning(Hold)
    .execution_options(populate_existing=True, synchronize_session=False)
)
_HOLD, _TRANSFER = insert(Hold), insert(Transfer)


@dataclass(frozen=True)
class Payment:
    """What a paid attempt has come to; `amount` in micro-dollars is None where the provider did not say."""

    kind: TransferKind
    provider: str
    amount: int | None
    subject: str
    chars: int | None = None


@dataclass(frozen=True)
class Want:
    """Money that is to be held before a paid call; `amount` in micro-dollars."""

    attempt: str
    account_id: str
    run_id: str | None
    provider: str
    amount: int


def hold(session: Session, *, account_id: str, run_id: str | None, provider: str, attempt: str, amount: int) -> None:
    """Reserve money before a paid call; raises `BudgetExceeded` and changes nothing where a cap has no room."""
    (refused,) = hold_all(session, [Want(attempt, account_id, run_id, provider, amount)])
    if refused is not None:
        raise refused


def hold_all(session: Session, wants: Sequence[Want]) -> Sequence[BudgetExceeded | None]:
    """Reserve money before several paid calls; return for each why it was refused, None where it is held."""
    refused: dict[str, BudgetExceeded] = {}
    held: list[dict[str, object]] = []
    for (account_id, run_id, provider), together in _grouped(
        wants, lambda want: (want.account_id, want.run_id, want.provider)
    ):
        payers = _payers(session, account_id, run_id, provider)
        refused |= _reserve(session, payers, together)
        shared = {"account_id": account_id, "production_id": payers.production_id, "run_id": run_id}
        held += [
            {"attempt": want.attempt, "provider": provider, "amount": want.amount, **shared}
            for want in together
            if want.attempt not in refused
        ]
    if held:
        session.connection().execute(_HOLD, held)  # past the unit of work, which takes as long again
    return [refused.get(want.attempt) for want in wants]


def _reserve(session: Session, payers: Payers, wants: Sequence[Want]) -> dict[str, BudgetExceeded]:
    """Reserve what all of them need or, where a cap has no room for that, what one after the other needs."""
    try:
        budgets.reserve(session, payers, sum(want.amount for want in wants))
    except BudgetExceeded as error:
        if len(wants) == 1:
            return {wants[0].attempt: error}
        return {attempt: why for want in wants for attempt, why in _reserve(session, payers, [want]).items()}
    return {}


def settle(session: Session, attempt: str, payment: Payment) -> int:
    """Turn a hold into a transfer and return its micro-dollars: the provider's figure, else what was held.

    A payment of the kind LOSS writes the hold off: paid, and nothing came of it.
    """
    return settle_all(session, {attempt: payment}).get(attempt, 0)


def settle_all(session: Session, payments: Mapping[str, Payment]) -> Mapping[str, int]:
    """Turn the holds of several attempts into transfers, and return the micro-dollars of those that were held."""
    closed = _close(session, list(payments), HoldState.SETTLED)
    amounts: dict[str, int] = {}
    for payers, together in _grouped(closed, _payers_of):
        amounts |= _book(session, payers, together, payments)
    paid = [_transfer(held, payments[held.attempt], amounts[held.attempt]) for held in closed if amounts[held.attempt]]
    if paid:
        session.connection().execute(_TRANSFER, paid)
    return amounts


def _book(session: Session, payers: Payers, closed: Sequence[Hold], payments: Mapping[str, Payment]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for estimated, together in _grouped(closed, lambda held: payments[held.attempt].amount is None):
        booked = {held.attempt: held.amount if estimated else payments[held.attempt].amount or 0 for held in together}
        budgets.book(session, payers, sum(booked.values()), held=sum(h.amount for h in together), estimated=estimated)
        amounts |= booked
    return amounts


def release(session: Session, attempt: str) -> None:
    """Set the money of an attempt free; harmless where it already is."""
    for held in _close(session, [attempt], HoldState.RELEASED):
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


def _close(session: Session, attempts: Sequence[str], state: HoldState) -> Sequence[Hold]:
    closed = session.scalars(_CLOSE, {"attempts": attempts, "becomes": state})
    return sorted(closed, key=lambda held: held.attempt)


def _transfer(held: Hold, payment: Payment, amount: int) -> dict[str, object]:
    return {
        "id": new_id("pay"),
        "account_id": held.account_id,
        "kind": payment.kind,
        "attempt": held.attempt,
        "debit": held.account_id,
        "credit": payment.provider,
        "amount": amount,
        "estimate": held.amount,
        "source": "estimate" if payment.amount is None else "provider",
        "production_id": held.production_id,
        "run_id": held.run_id,
        "subject": payment.subject,
        "chars": payment.chars,
    }


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> Iterable[tuple[K, Sequence[T]]]:
    """Return the items by their key, the keys always in one order: two transactions never wait for each other."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return sorted(groups.items(), key=lambda group: str(group[0]))
