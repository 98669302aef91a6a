"""Caps as people see and set them: how much of each is left, and why it was changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.db.leases import rowcount
from pipeline.errors import UsageError
from pipeline.ledger.models import Budget
from pipeline.ledger.money import UNLIMITED, dollars
from pipeline.ledger.service.budgets import open_budget, raise_hint, whose
from pipeline.ledger.service.deciding import decide


@dataclass(frozen=True)
class Room:
    """A cap and what is left of it, in micro-dollars; `whose` and `hint` are for a sentence."""

    owner: str
    whose: str
    cap: int
    left: int
    hint: str

    def missing(self, price: int) -> int:
        """Return by how much a price goes beyond what is left."""
        return max(price - self.left, 0)


def rooms(session: Session, owners: Iterable[str]) -> list[Room]:
    """Return what is left of each cap that is set, in the order of `owners`."""
    budgets = (session.get(Budget, owner, populate_existing=True) for owner in owners)
    return [_room(budget) for budget in budgets if budget is not None and budget.cap != UNLIMITED]


def set_cap(
    session: Session, owner: str, cap: int | None, *, account_id: str, shared: bool = False, actor: str, reason: str
) -> Budget:
    """Set a cap in micro-dollars, None for none, and record who decided it; raises `UsageError` where it is too low.

    `shared` is True for the budget of a provider, which bounds all accounts together.
    """
    open_budget(session, owner, None if shared else account_id, None)
    before = session.get_one(Budget, owner, populate_existing=True).cap
    wanted = UNLIMITED if cap is None else cap
    setting = update(Budget).where(Budget.owner == owner, Budget.spent + Budget.held <= wanted).values(cap=wanted)
    changed = rowcount(session, setting.execution_options(synchronize_session=False))
    budget = session.get_one(Budget, owner, populate_existing=True)
    if not changed:
        raise UsageError(
            f"{whose(owner, budget).capitalize()} cannot be {dollars(wanted)}: {dollars(budget.spent)} is spent and"
            f" {dollars(budget.held)} held.",
            hint=f"Give at least {dollars(budget.spent + budget.held)}, or wait until what is held is settled.",
        )
    detail = {"before": _told(before), "after": cap}
    decide(session, account_id=account_id, actor=actor, action="cap", subject=owner, reason=reason, detail=detail)
    return budget


def _room(budget: Budget) -> Room:
    left = max(budget.cap - budget.spent - budget.overrun - budget.held, 0)
    return Room(budget.owner, whose(budget.owner, budget), budget.cap, left, raise_hint(budget.owner, budget))


def _told(cap: int) -> int | None:
    return None if cap == UNLIMITED else cap
