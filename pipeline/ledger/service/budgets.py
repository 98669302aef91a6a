"""Budgets: every change is one conditional UPDATE, so that no two callers can both take the last of a cap."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Update

from pipeline.db.leases import rowcount
from pipeline.errors import BudgetExceeded
from pipeline.ledger.models import Budget
from pipeline.ledger.money import UNLIMITED, dollars

PROVIDER_PREFIX = "provider:"
RUN_PREFIX = "run_"
RAISE_RUN = "Raise it with --budget, or voice fewer lines."


@dataclass(frozen=True)
class Payers:
    """Whose budgets one paid call counts against."""

    provider: str
    account_id: str
    production_id: str | None
    run_id: str | None

    def owners(self) -> Sequence[str]:
        """Return the owners of the budgets, always in one order: two transactions never wait for each other."""
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
    for number, owner in enumerate(owners):
        if not (
            _reserve(session, owner, amount) or (_open(session, owner, payers) and _reserve(session, owner, amount))
        ):
            for earlier in owners[:number]:
                _free(session, earlier, amount)
            raise _exceeded(session, owner, amount)


def free(session: Session, payers: Payers, amount: int) -> None:
    """Set held money free in every budget."""
    for owner in payers.owners():
        _free(session, owner, amount)


def book(session: Session, payers: Payers, amount: int, *, held: int, estimated: bool) -> None:
    """Book a charge in every budget, and free what was held for it.

    The money has left: it is booked whatever the cap, and what the cap has no room for shows as overrun.
    """
    room = Budget.cap - Budget.spent - Budget.held + held
    within = case((room < amount, room), else_=amount)
    for owner in payers.owners():
        _change(
            session,
            _of(owner).values(
                held=Budget.held - held,
                spent=Budget.spent + within,
                overrun=Budget.overrun + amount - within,
                estimated=Budget.estimated + (amount if estimated else 0),
            ),
        )


def take_back(session: Session, payers: Payers, amount: int, *, estimated: bool) -> None:
    """Bring a refund into every budget: what went beyond the cap comes back first."""
    beyond = case((Budget.overrun < amount, Budget.overrun), else_=amount)
    for owner in payers.owners():
        _change(
            session,
            _of(owner).values(
                overrun=Budget.overrun - beyond,
                spent=Budget.spent - (amount - beyond),
                estimated=Budget.estimated - (amount if estimated else 0),
            ),
        )


def _reserve(session: Session, owner: str, amount: int) -> bool:
    # What went beyond a cap counts as well: a released hold does not make room that is not there.
    room = Budget.spent + Budget.overrun + Budget.held + amount <= Budget.cap
    return _change(session, _of(owner).where(room).values(held=Budget.held + amount)) == 1


def _free(session: Session, owner: str, amount: int) -> None:
    _change(session, _of(owner).values(held=Budget.held - amount))


def _open(session: Session, owner: str, payers: Payers) -> bool:
    """Open the budget of a provider or a production that has none; those of accounts and runs are never made up."""
    shared = {provider_owner(payers.provider): None, payers.production_id: payers.account_id}
    if owner not in shared or session.get(Budget, owner) is not None:
        return False
    open_budget(session, owner, shared[owner], None)
    return True


def _of(owner: str) -> Update:
    return update(Budget).where(Budget.owner == owner)


def _change(session: Session, statement: Update) -> int:
    # Whoever reads a budget in the same transaction reads it anew; looking for copies of it costs more than the change.
    return rowcount(session, statement.execution_options(synchronize_session=False))


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
