"""Takes that cannot go on, and the money of attempts that may have been charged."""

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.speech.models import Take
from pipeline.speech.rules import UNBEGUN, TakeState

STEP = 5_000
"""Takes that are blocked at a time where there may be a million."""
_TURN = (TakeState.DISPATCHED, TakeState.READY, TakeState.WAITING)
"""In the order in which they are sent: what could start next is blocked first."""


def block(
    session: Session,
    which: ColumnElement[bool],
    *,
    error_kind: str | None,
    error: str | None,
    most: int | None = None,
) -> int:
    """Block the takes that nobody is speaking, and book what earlier attempts at them may have cost.

    With `most`, so many of them at a time, those first that would be spoken first. Returns how many it were.
    """
    blocking = update(Take).where(which, Take.state.in_(UNBEGUN))
    if most is not None:
        blocking = blocking.where(Take.id.in_(_next(session, which, most)))
    values = {"state": TakeState.BLOCKED, "lease_until": None, "error_kind": error_kind, "error": error}
    returning = blocking.values(**values).returning(Take.id, Take.provider, Take.attempt)
    blocked = session.execute(returning.execution_options(synchronize_session=False)).all()
    for take_id, provider, attempts in blocked:
        if attempts:
            close_doubts(session, take_id, provider)
    return len(blocked)


def _next(session: Session, which: ColumnElement[bool], most: int) -> list[str]:
    """Return the takes that would be sent first, read from the index that holds them in this order."""
    found: list[str] = []
    for state in _TURN:
        standing = select(Take.id).where(which, Take.state == state)
        in_turn = standing.order_by(Take.provider, Take.priority, Take.id).limit(most - len(found))
        found += session.scalars(in_turn).all()
    return found


def close_doubts(session: Session, take_id: str, provider: str) -> None:
    """Book what attempts of unknown outcome may have cost, at the estimate: too much rather than too little."""
    for attempt in ledger.open_holds(session, f"{take_id}#"):
        pay(session, take_id, provider, attempt, None)


def pay(
    session: Session, take_id: str, provider: str, attempt: str, cost: int | None, chars: int | None = None
) -> None:
    """Turn the hold of an attempt into a charge of `cost` micro-dollars; None where nobody said."""
    payment = ledger.Payment(TransferKind.SPEECH, provider, cost, take_id, chars)
    amount = ledger.settle(session, attempt, payment)
    if amount:
        session.execute(update(Take).where(Take.id == take_id).values(cost=Take.cost + amount))


def note_refund(session: Session, take_id: str, amount: int) -> None:
    """Note on a take that some of its micro-dollars came back; harmless where it was no take that was paid for."""
    session.execute(update(Take).where(Take.id == take_id).values(cost=Take.cost - amount))
