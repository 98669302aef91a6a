"""The window: only about twice as many takes as the provider has slots are ever in the broker.

Whose take comes next is decided by start-time fair queuing: each account has a virtual time that grows by the price of
what was sent for it, divided by its weight, and the account with the lowest goes first. One that had nothing to send
starts where the others are, not where it once left off: it cannot save its turns up.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Insert, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.ledger import provider_account
from pipeline.speech.models import Take, Turn, Window
from pipeline.speech.rules import IN_WINDOW, TakeState
from pipeline.speech.service.turns import Next, next_takes

WINDOW_PER_SLOT = 2
"""One take being spoken and one on its way for each slot, so that a free slot never waits for a message."""
REFILLS_PER_SLOTS = 2
"""A take that ends fills the window once half as many as there are slots are missing: looking costs a little."""

_SLOTS = select(func.count()).where(limits.Slot.name == bindparam("provider")).scalar_subquery()
_TAKEN = (Take.state.in_(IN_WINDOW), Take.provider == bindparam("provider"))
_WINDOW = select(_SLOTS, select(func.count()).where(*_TAKEN).scalar_subquery())
_IN_FLIGHT = select(Take.account_id, func.count()).where(*_TAKEN).group_by(Take.account_id)
NOT_READY = tuple(state for state in TakeState if state is not TakeState.READY)
# Said so, the state leads into no index: SQLite would read all that is ready to find these.
_IS_READY = Take.state.not_in(NOT_READY)
# Locked apart from the change: as a plain subquery PostgreSQL may run it once a row.
_FREE = (
    select(Take.id)
    .where(Take.id.in_(bindparam("takes", expanding=True)), _IS_READY)
    .with_for_update(skip_locked=True)
    .cte("free")
)
_SEND = (
    update(Take)
    .where(Take.id.in_(select(_FREE.c.id)), _IS_READY)
    .values(state=TakeState.DISPATCHED, lease_until=now_ms() + leases.HINT_SECONDS * 1000)
    .returning(Take.id)
)
_CLOCK = select(Window.virtual_time).where(Window.provider == bindparam("provider")).with_for_update(skip_locked=True)
_MOVE = update(Window).where(Window.provider == bindparam("of")).values(virtual_time=bindparam("turn"))


def dispatch(session: Session, provider: str) -> int:
    """Fill the window of a provider with takes that are due, in fair turns, and return how many were sent."""
    return _fill(session, provider) or 0


def refill(session: Session, provider: str) -> int | None:
    """Send the next takes after one has ended; None where the window is full enough not to look for any."""
    slots, taken = _window(session, provider)
    if taken + max(slots // REFILLS_PER_SLOTS, 1) > WINDOW_PER_SLOT * slots:
        return None
    return _fill(session, provider)


def send(session: Session, take_ids: Sequence[str]) -> frozenset[str]:
    """Send these takes as far as they are ready and nobody is at them, and return which were sent."""
    sent = frozenset(session.connection().scalars(_SEND, {"takes": list(take_ids)}))
    for take_id in take_ids:
        if take_id in sent:
            emit(session, "take.dispatched", take_id)
    return sent


def _fill(session: Session, provider: str) -> int | None:
    if provider_account.is_blocked(session, provider):
        return None
    clock = _enter(session, provider)
    if clock is None:
        return None
    in_flight = _in_flight(session, provider)
    room = WINDOW_PER_SLOT * limits.concurrency(session, provider) - sum(in_flight.values())
    chosen = next_takes(session, provider, clock=clock, in_flight=in_flight, room=room) if room > 0 else []
    sent = send(session, [take.id for take in chosen]) if chosen else frozenset()
    _charge(session, provider, [take for take in chosen if take.id in sent])
    return len(sent)


def _enter(session: Session, provider: str) -> int | None:
    """Lock the window and return its virtual time; None where somebody else is filling it."""
    clock = session.connection().scalar(_CLOCK, {"provider": provider})
    if clock is None:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(Window).values(provider=provider, virtual_time=0).on_conflict_do_nothing())
        clock = session.connection().scalar(_CLOCK, {"provider": provider})
    return clock


def _window(session: Session, provider: str) -> tuple[int, int]:
    """Return how many slots a provider has, and how many takes are on their way to it."""
    slots, taken = session.connection().execute(_WINDOW, {"provider": provider}).one()
    return slots, taken


def _in_flight(session: Session, provider: str) -> Mapping[str, int]:
    return dict(session.connection().execute(_IN_FLIGHT, {"provider": provider}).all())


def _charge(session: Session, provider: str, sent: Sequence[Next]) -> None:
    """Move the accounts' virtual times on by what was sent, and the window's to the turn of the last of it."""
    if not sent:
        return
    turns = {take.account_id: take.start + take.cost for take in sent}
    rows = [{"provider": provider, "account_id": account, "virtual_time": turn} for account, turn in turns.items()]
    connection = session.connection()
    connection.execute(_charging(connection.dialect.name), rows)
    connection.execute(_MOVE, {"of": provider, "turn": sent[-1].start})


@cache
def _charging(dialect: str) -> Insert:
    charging = sqlite.insert(Turn) if dialect == "sqlite" else postgresql.insert(Turn)
    later = {"virtual_time": charging.excluded.virtual_time}
    return charging.on_conflict_do_update(index_elements=["provider", "account_id"], set_=later)
