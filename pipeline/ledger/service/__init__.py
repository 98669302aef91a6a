"""The only way money is promised, spent, set free or brought back, and the record of what people decide about it."""

from pipeline.ledger.service.budgets import KnownSpend, known_spend, open_budget, provider_owner
from pipeline.ledger.service.deciding import decide, verify_decisions
from pipeline.ledger.service.holding import Payment, hold, lose, open_holds, refund, release, settle, spent

__all__ = [
    "KnownSpend",
    "Payment",
    "decide",
    "hold",
    "known_spend",
    "lose",
    "open_budget",
    "open_holds",
    "provider_owner",
    "refund",
    "release",
    "settle",
    "spent",
    "verify_decisions",
]
