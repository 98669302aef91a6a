"""Budgets: every change is one conditional UPDATE, so that no two callers can both take the last of a cap."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import BigInteger, Table, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from pipeline.errors import BudgetExceeded
from pipeline.ledger.models import Budget
from pipeline.ledger.money import UNLIMITED, dollars

PROVIDER_PREFIX = "provider:"
RUN_PREFIX = "run_"
RAISE_RUN = "Raise it with --budget, or voice fewer lines."


# Each paid call makes two of these changes: prepared once, they cost a tenth of statements that are built each time.
_AMOUNT, _RESERVED, _GUESSED = (bindparam(name, type_=BigInteger) for name in ("amount", "reserved", "guessed"))
_BUDGETS = cast("Table", Budget.__table__)
_COLUMNS = _BUDGETS.c
# Locked in one order, whatever the statement finds them by: two transactions never wait for each other.
_LOCKED = (
    select(_COLUMNS.owner)
    .where(_COLUMNS.owner.in_(bindparam("owners", expanding=True)))
    .order_by(_COLUMNS.owner)
    .with_for_update()
    .cte("locked")
)
_EACH = update(_BUDGETS).where(_COLUMNS.owner.in_(select(_LOCKED.c.owner))).returning(_COLUMNS.owner)
# What went beyond a cap counts as well: a released hold does not make room that is not there.
_HAS_ROOM = _COLUMNS.spent + _COLUMNS.overrun + _COLUMNS.held + _AMOUNT <= _COLUMNS.cap
_RESERVE = _EACH.where(_HAS_ROOM).values(held=_COLUMNS.held + _AMOUNT)
_FREE = _EACH.values(held=_COLUMNS.held - _AMOUNT)
_ROOM = _COLUMNS.cap - _COLUMNS.spent - _COLUMNS.held + _RESERVED
_WITHIN = case((_ROOM < _AMOUNT, _ROOM), else_=_AMOUNT)
_BOOK = _EACH.values(
    held=_COLUMNS.held - _RESERVED,
    spent=_COLUMNS.spent + _WITHIN,
    overrun=_COLUMNS.overrun + _AMOUNT - _WITHIN,
    estimated=_COLUMNS.estimated + _GUESSED,
)
_BEYOND = case((_COLUMNS.overrun < _AMOUNT, _COLUMNS.overrun), else_=_AMOUNT)
_TAKE_BACK = _EACH.values(
    overrun=_COLUMNS.overrun - _BEYOND,
    spent=_COLUMNS.spent - (_AMOUNT - _BEYOND),
    estimated=_COLUMNS.estimated - _GUESSED,
)


@dataclass(frozen=True)
class Payers:
    """Whose budgets one paid call counts against."""

    provider: str
    account_id: str
    production_id: str | None
    run_id: str | None

    def owners(self) -> Sequence[str]:
        """Return the owners of the budgets, the widest first."""
        owners = (provider_owner(self.provider), self.account_id, self.production_id, self.run_id)
        return [owner for owner in owners if owner]


@dataclass(frozen=True)
class KnownSpend:
    """What is on the books for all calls to one provider, in micro-dollars."""

    spent: int
    estimated: int
    """The part of it that the provider has not confirmed."""
    held: int

    @property
    def committed(self) -> int:
        """Return the most the provider can have charged us."""
        return self.spent + self.held


def provider_owner(provider: str) -> str:
    """Return the owner of the budget that bounds all accounts together at one provider."""
    return f"{PROVIDER_PREFIX}{provider}"


def open_budget(session: Session, owner: str, account_id: str | None, cap: int | None) -> None:
    """Give an owner its cap in micro-dollars; None is no cap. Harmless where the budget is open already."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    opening = insert(Budget).values(owner=owner, account_id=account_id, cap=UNLIMITED if cap is None else cap)
    session.execute(opening.on_conflict_do_nothing(index_elements=["owner"]))


def known_spend(session: Session, provider: str) -> KnownSpend:
    """Return what a provider has charged us as far as the books tell: a balance is held against it as evidence."""
    budget = session.get(Budget, provider_owner(provider), populate_existing=True)
    if budget is None:
        return KnownSpend(0, 0, 0)
    return KnownSpend(budget.spent + budget.overrun, budget.estimated, budget.held)


def reserve(session: Session, payers: Payers, amount: int) -> None:
    """Hold money in every budget; raises `BudgetExceeded` and changes nothing where a cap has no room."""
    owners = payers.owners()
    held = _change(session, _RESERVE, owners, amount=amount)
    for owner in owners:
        if owner in held:
            continue
        held |= _change(session, _RESERVE, [owner], amount=amount) if _open(session, owner, payers) else set()
        if owner not in held:
            _change(session, _FREE, held, amount=amount)
            raise _exceeded(session, owner, amount)


def free(session: Session, payers: Payers, amount: int) -> None:
    """Set held money free in every budget."""
    _change(session, _FREE, payers.owners(), amount=amount)


def book(session: Session, payers: Payers, amount: int, *, held: int, estimated: bool) -> None:
    """Book a charge in every budget, and free what was held for it.

    The money has left: it is booked whatever the cap, and what the cap has no room for shows as overrun.
    """
    charge = {"amount": amount, "reserved": held, "guessed": amount if estimated else 0}
    booked = _change(session, _BOOK, payers.owners(), **charge)
    for owner in payers.owners():
        # What was held has opened the budget; what was lost without a hold may be the first that it hears of.
        if owner not in booked and not held and _open(session, owner, payers):
            _change(session, _BOOK, [owner], **charge)


def take_back(session: Session, payers: Payers, amount: int, *, estimated: bool) -> None:
    """Bring a refund into every budget: what went beyond the cap comes back first."""
    _change(session, _TAKE_BACK, payers.owners(), amount=amount, guessed=amount if estimated else 0)


def _open(session: Session, owner: str, payers: Payers) -> bool:
    """Let a provider or a production have a budget, and say whether it has; those of others are never made up.

    Nothing is looked up before: somebody else may have opened it since it was found missing.
    """
    shared = {provider_owner(payers.provider): None, payers.production_id: payers.account_id}
    if owner not in shared:
        return False
    open_budget(session, owner, shared[owner], None)
    return True


def _change(session: Session, statement: ReturningUpdate[str], owners: Collection[str], **amounts: int) -> set[str]:
    """Change budgets, and return the owners of those that were changed."""
    # Whoever reads a budget in the same transaction reads it anew; looking for copies of it costs more than the change.
    return set(session.connection().execute(statement, {"owners": list(owners), **amounts}).scalars())


def _exceeded(session: Session, owner: str, amount: int) -> BudgetExceeded:
    budget = session.get_one(Budget, owner, populate_existing=True)
    left = max(budget.cap - budget.spent - budget.overrun - budget.held, 0)
    return BudgetExceeded(
        f"The next call needs {dollars(amount)}, and {whose(owner, budget)} of {dollars(budget.cap)}"
        f" has {dollars(left)} left.",
        hint=raise_hint(owner, budget),
        owner=owner,
        cap=budget.cap,
        spent=budget.spent + budget.overrun,
        held=budget.held,
        needed=amount,
        missing=amount - left,
    )


def whose(owner: str, budget: Budget) -> str:
    """Name a budget in a sentence."""
    if owner.startswith(PROVIDER_PREFIX):
        return f"the budget of all accounts for {owner.removeprefix(PROVIDER_PREFIX)}"
    return f"the {_kind(owner, budget)}'s budget"


def raise_hint(owner: str, budget: Budget) -> str:
    """Say how a cap is raised."""
    if owner.startswith(RUN_PREFIX):
        return RAISE_RUN
    name = f" {owner.removeprefix(PROVIDER_PREFIX)}" if owner.startswith(PROVIDER_PREFIX) else ""
    kind = "provider" if name else _kind(owner, budget)
    return f"`callsheet ledger cap {kind}{name or (' NAME' if kind == 'production' else '')} AMOUNT` raises it."


def _kind(owner: str, budget: Budget) -> str:
    if owner == budget.account_id:
        return "account"
    return "run" if owner.startswith(RUN_PREFIX) else "production"
