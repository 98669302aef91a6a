"""The only way money is promised, spent, set free or brought back, and the record of what people decide about it."""

from pipeline.ledger.service.budgets import RAISE_RUN, KnownSpend, known_spend, open_budget, provider_owner
from pipeline.ledger.service.caps import Room, rooms, set_cap
from pipeline.ledger.service.deciding import decide, verify_decisions
from pipeline.ledger.service.holding import (
    Payment,
    Want,
    hold,
    hold_all,
    lose,
    open_holds,
    refund,
    release,
    settle,
    settle_all,
    spent,
)

__all__ = [
    "RAISE_RUN",
    "KnownSpend",
    "Payment",
    "Room",
    "Want",
    "decide",
    "hold",
    "hold_all",
    "known_spend",
    "lose",
    "open_budget",
    "open_holds",
    "provider_owner",
    "refund",
    "release",
    "rooms",
    "set_cap",
    "settle",
    "settle_all",
    "spent",
    "verify_decisions",
]
