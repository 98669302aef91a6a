"""What the provider has seen and taken, and what we have booked for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ledger.models import Hold, HoldState, Transfer, TransferKind, signed_amount

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Ledgers:
    """Both sides' books; amounts in micro-dollars."""

    posts: Counter[str]
    """Requests by the last word of their route, whatever came of them."""
    sold: Counter[str]
    """The provider's charges by operation."""
    charged: int
    booked: int
    confirmed: int
    """The part of what we have booked whose amount the provider has named."""
    lost: int
    held: int

    def since(self, before: "Ledgers") -> "Ledgers":
        """Return what has come to it."""
        return Ledgers(**{each.name: getattr(self, each.name) - getattr(before, each.name) for each in fields(self)})


def read_ledgers(session: Session, theirs: Rows) -> Ledgers:
    """Read our books, and put beside them what the sandbox's control route `ledger` has answered."""
    booked = session.execute(select(signed_amount(), Transfer.kind, Transfer.source)).all()
    held = session.scalars(select(Hold.amount).where(Hold.state == HoldState.OPEN)).all()
    return Ledgers(
        posts=Counter(call["route"].rpartition("/")[2] for call in theirs["calls"] if call["method"] == "POST"),
        sold=Counter(charge["operation"] for charge in theirs["charges"]),
        charged=sum(charge["amount"] for charge in theirs["charges"]),
        booked=sum(amount for amount, _, _ in booked),
        confirmed=sum(amount for amount, _, source in booked if source == "provider"),
        lost=sum(amount for amount, kind, _ in booked if kind is TransferKind.LOSS),
        held=sum(held),
    )
