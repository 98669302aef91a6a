"""The provider's limits as rows, shared by all workers: slots for calls in flight, a pace for calls a minute.

The pace is GCRA with a burst of one at 95 % of the limit; it earned no refusal against four upstream algorithms.
"""

from collections.abc import Sequence

from sqlalchemy import String, case, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from pipeline.db.base import Base, Millis, Ref
from pipeline.db.clock import now_ms
from pipeline.db.leases import dead_holders, rowcount

SHARE = 95
"""Per cent of the provider's rate that is used."""
SLOT_POLL_MS = 50
"""How soon to ask again where every slot is taken: a call ends when it ends."""


class Pace(Base):
    """When the next call to a provider may start."""

    __tablename__ = "paces"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    interval_ms: Mapped[int]
    next_at: Mapped[Millis] = mapped_column(default=0)
    cooldown_until: Mapped[Millis] = mapped_column(default=0)
    """After a refusal for speed nobody calls before this."""


class Slot(Base):
    """One call in flight. A lease that lapses frees it."""

    __tablename__ = "slots"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    holder: Mapped[Ref | None]
    lease_until: Mapped[Millis] = mapped_column(default=0)


def set_limits(session: Session, name: str, *, concurrent: int, per_minute: int) -> None:
    """Make the rows say what the provider allows; calls in flight are left alone."""
    interval = -(-60_000 * 100 // (per_minute * SHARE))
    _upsert(session, Pace, {"name": name}, {"interval_ms": interval})
    for number in range(concurrent):
        _upsert(session, Slot, {"name": name, "number": number}, {"name": name})
    session.execute(delete(Slot).where(Slot.name == name, Slot.number >= concurrent))


def names(session: Session) -> Sequence[str]:
    """Return the providers whose limits are known."""
    return session.scalars(select(Pace.name).order_by(Pace.name)).all()


def concurrency(session: Session, name: str) -> int:
    """Return how many calls the provider allows at once."""
    return len(session.scalars(select(Slot.number).where(Slot.name == name)).all())


def wait_ms(session: Session, name: str) -> int:
    """Return how long to wait before asking for a permit; 0 where one is likely. Reads only."""
    now = session.scalar(select(now_ms())) or 0
    pace = session.get(Pace, name, populate_existing=True)
    if pace is None:
        return SLOT_POLL_MS
    due = max(pace.next_at, pace.cooldown_until)
    if due > now:
        return due - now
    is_free = exists().where(Slot.name == name, Slot.lease_until < now_ms())
    return 0 if session.scalar(select(is_free)) else SLOT_POLL_MS


def acquire(session: Session, name: str, *, holder: str, seconds: float) -> int | None:
    """Take a slot and the next place in the pace, both or neither; None where there is none."""
    slot = _take_slot(session, name, holder, int(seconds * 1000))
    if slot is not None and not take_place(session, name):
        free(session, name, slot, holder)
        return None
    return slot


def take_place(session: Session, name: str) -> bool:
    """Take the next place in the pace alone: for one more call under a slot that is held."""
    start = case((Pace.next_at > now_ms(), Pace.next_at), else_=now_ms())
    due = update(Pace).where(Pace.name == name, Pace.next_at <= now_ms(), Pace.cooldown_until <= now_ms())
    return rowcount(session, due.values(next_at=start + Pace.interval_ms)) == 1


def free(session: Session, name: str, slot: int, holder: str) -> None:
    """Give a slot back as soon as the call is over."""
    mine = update(Slot).where(Slot.name == name, Slot.number == slot, Slot.holder == holder)
    session.execute(mine.values(holder=None, lease_until=0))


def sweep(session: Session) -> None:
    """Free the slots of workers that are gone, so that nobody waits for a lease to run out."""
    session.execute(update(Slot).where(Slot.holder.in_(dead_holders())).values(holder=None, lease_until=0))


def cool_down(session: Session, name: str, seconds: float) -> None:
    """Let nobody call the provider for a while."""
    until = now_ms() + int(seconds * 1000)
    later = case((Pace.cooldown_until < until, until), else_=Pace.cooldown_until)
    session.execute(update(Pace).where(Pace.name == name).values(cooldown_until=later))


def _take_slot(session: Session, name: str, holder: str, lease_ms: int) -> int | None:
    available = (
        select(Slot.number)
        .where(Slot.name == name, Slot.lease_until < now_ms())
        .order_by(Slot.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taking = (
        update(Slot)
        .where(Slot.name == name, Slot.number == available.scalar_subquery(), Slot.lease_until < now_ms())
        .values(holder=holder, lease_until=now_ms() + lease_ms)
        .returning(Slot.number)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(taking)


def _upsert(session: Session, row: type[Base], key: dict[str, object], values: dict[str, object]) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(row).values(**key, **{k: v for k, v in values.items() if k not in key})
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
