"""Holds and transfers: the only way money is promised, spent or set free."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BigInteger, case, cast, func, select, update
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.db.leases import rowcount
from pipeline.errors import BudgetExceeded
from pipeline.ledger.models import Budget, Hold, HoldState, Transfer, TransferKind
from pipeline.ledger.money import UNLIMITED, dollars


@dataclass(frozen=True)
class Payment:
    """What a paid attempt has come to; `amount` is None where the provider did not say."""

    kind: TransferKind
    provider: str
    amount: int | None
    subject: str
    chars: int | None = None


def open_budget(session: Session, owner: str, account_id: str, cap: int | None) -> None:
    """Give an account or a run its cap in micro-dollars; None is no cap."""
    session.add(Budget(owner=owner, account_id=account_id, cap=UNLIMITED if cap is None else cap))
    session.flush()


def hold(session: Session, *, account_id: str, run_id: str, provider: str, attempt: str, amount: int) -> None:
    """Reserve money before a paid call; raises `BudgetExceeded` and changes nothing where a cap has no room."""
    if not _reserve(session, account_id, amount):
        raise _exceeded(session, account_id, amount)
    if not _reserve(session, run_id, amount):
        _change_held(session, account_id, -amount)
        raise _exceeded(session, run_id, amount)
    session.add(Hold(attempt=attempt, account_id=account_id, run_id=run_id, provider=provider, amount=amount))
    session.flush()


def settle(session: Session, attempt: str, payment: Payment) -> int:
    """Turn a hold into a transfer and return its micro-dollars: the provider's figure, else what was held."""
    held = _close(session, attempt, HoldState.SETTLED)
    if held is None:
        return 0
    amount = held.amount if payment.amount is None else payment.amount
    for owner in _owners(held):
        _book(session, owner, held.amount, amount)
    if amount:
        session.add(_transfer(held, payment, amount))
        session.flush()
    return amount


def release(session: Session, attempt: str) -> None:
    """Set the money of an attempt free; harmless where it already is."""
    held = _close(session, attempt, HoldState.RELEASED)
    if held is not None:
        for owner in _owners(held):
            _change_held(session, owner, -held.amount)


def open_holds(session: Session, prefix: str) -> Iterable[str]:
    """Return the attempts under `prefix` whose money is still held."""
    query = select(Hold.attempt).where(Hold.attempt.startswith(prefix, autoescape=True), Hold.state == HoldState.OPEN)
    return session.scalars(query).all()


def spent(session: Session, owner: str) -> int:
    """Return what an account or a run has spent, in micro-dollars, from its transfers."""
    total = cast(func.coalesce(func.sum(Transfer.amount), 0), BigInteger)
    mine = (Transfer.account_id == owner) | (Transfer.run_id == owner)
    return session.scalar(select(total).where(mine)) or 0


def _owners(held: Hold) -> tuple[str, ...]:
    # Always in this order, so that two transactions never wait for each other.
    return (held.account_id, held.run_id) if held.run_id else (held.account_id,)


def _reserve(session: Session, owner: str, amount: int) -> bool:
    room = update(Budget).where(Budget.owner == owner, Budget.spent + Budget.held + amount <= Budget.cap)
    return rowcount(session, room.values(held=Budget.held + amount)) == 1


def _change_held(session: Session, owner: str, amount: int) -> None:
    session.execute(update(Budget).where(Budget.owner == owner).values(held=Budget.held + amount))


def _book(session: Session, owner: str, held: int, amount: int) -> None:
    # The money has left: it is booked whatever the cap, and what the cap has no room for shows as overrun.
    room = Budget.cap - Budget.spent - Budget.held + held
    within = case((room < amount, room), else_=amount)
    booked = update(Budget).where(Budget.owner == owner)
    session.execute(
        booked.values(held=Budget.held - held, spent=Budget.spent + within, overrun=Budget.overrun + amount - within)
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
        run_id=held.run_id,
        subject=payment.subject,
        chars=payment.chars,
    )


def _exceeded(session: Session, owner: str, amount: int) -> BudgetExceeded:
    budget = session.get_one(Budget, owner, populate_existing=True)
    whose = "run" if owner.startswith("run_") else "account"
    return BudgetExceeded(
        f"The next call needs {dollars(amount)}, and the {whose}'s budget of {dollars(budget.cap)}"
        f" has {dollars(budget.cap - budget.spent - budget.held)} left.",
        hint="Raise it with --budget, or voice fewer lines.",
        cap=budget.cap,
        spent=budget.spent,
        held=budget.held,
        needed=amount,
    )
