"""Whether a plan fits the caps: asked before a run starts, while the caps themselves are kept call by call."""

from dataclasses import asdict
from typing import Protocol

from sqlalchemy.orm import Session

from pipeline.errors import BudgetExceeded
from pipeline.intake import service as intake
from pipeline.intake.rules import Project
from pipeline.ledger import service as ledger
from pipeline.ledger.money import dollars


def run_cap(project: Project, asked: int | None) -> int | None:
    """Return a run's cap in micro-dollars: what was asked for, else what the project file says of each of its runs."""
    return project.budget_micros if asked is None else asked


class Priced(Protocol):
    """What a run is to do: a plan, or a retry."""

    @property
    def production(self) -> str:
        """Return the production's name."""

    @property
    def provider(self) -> str:
        """Return who is paid."""

    @property
    def price(self) -> int:
        """Return what it is expected to cost, in micro-dollars."""


def refusal(session: Session, account_id: str, plan: Priced, cap: int | None) -> BudgetExceeded | None:
    """Return why a run of this plan would not get to its end: the caps that have less left than it is to cost."""
    short = [room for room in _rooms(session, account_id, plan, cap) if room.missing(plan.price)]
    if not short:
        return None
    told = (
        f"{room.whose} of {dollars(room.cap)} has {dollars(room.left)} left"
        f" ({dollars(room.missing(plan.price))} is missing)"
        for room in short
    )
    return BudgetExceeded(
        f"The plan costs {dollars(plan.price)}: {'; '.join(told)}.",
        hint=f"{' '.join(room.hint for room in short)} With --budget-mode soft, what the money is enough for is made.",
        needed=plan.price,
        caps=[{**asdict(room), "missing": room.missing(plan.price)} for room in short],
    )


def _rooms(session: Session, account_id: str, plan: Priced, cap: int | None) -> list[ledger.Room]:
    production = intake.find_production(session, account_id, plan.production)
    owners = [ledger.provider_owner(plan.provider), account_id, *([production.id] if production else [])]
    own = [] if cap is None else [ledger.Room("run", "the run's budget", cap, cap, ledger.RAISE_RUN)]
    return [*ledger.rooms(session, owners), *own]
