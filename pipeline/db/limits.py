"""The provider's limits as rows, shared by all workers: slots for calls in flight, a pace for calls and characters.

The pace is GCRA with a burst of one at 95 % of the limit; it earned no refusal against four upstream algorithms. A
refusal for speed stops everybody for a while and slows the pace, which recovers step by step while none follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, String, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from pipeline.db.base import Base, Millis, Ref
from pipeline.db.clock import now_ms
from pipeline.db.leases import dead_holders, rowcount

SHARE = 95
"""Per cent of the provider's rate that is used."""
SLOT_POLL_MS = 20
"""How soon to ask again where every slot is taken by other processes: a call ends when it ends."""
LATE_US = 10_000
"""How late a call may start without moving those after it; less than what the network spreads them by anyway."""
LARGE_SHARE = 5
"""Per cent of the characters a minute above which a call waits for room before it starts, not only after it."""
FULL = 1_000
"""The learnt share of a pace that nothing has slowed down, in thousandths."""
SLOWER_PER_CENT = 70
"""What a refusal leaves of the pace."""
FASTER = 20
"""What a pace wins back, in thousandths, each time no refusal has come for `FASTER_AFTER_MS`."""
FASTER_AFTER_MS = 30_000
LEAST_COOLDOWN_SECONDS = 1.0
MINUTE_US = 60_000_000


class Pace(Base):
    """When the next call to a provider may start."""

    __tablename__ = "paces"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    concurrent: Mapped[int]
    """Calls at once that the provider allows: a slot with a higher number is not taken again."""
    per_minute: Mapped[int]
    """Calls a minute that it allows."""
    characters_per_minute: Mapped[int | None]
    """Characters a minute that it allows; None where it does not count them."""
    next_at: Mapped[Millis] = mapped_column(default=0)
    """Microseconds since 1970, by the database's clock, as is `characters_next_at`."""
    characters_next_at: Mapped[Millis] = mapped_column(default=0)
    cooldown_until: Mapped[Millis] = mapped_column(default=0)
    """After a refusal for speed nobody calls before this."""
    learnt: Mapped[int] = mapped_column(default=FULL)
    """What is used of the pace since the provider refused calls for speed, in thousandths."""
    learnt_at: Mapped[Millis] = mapped_column(default=0)

    def interval_us(self) -> int:
        """Return the time from one call to the next."""
        return -(-MINUTE_US * 100 * FULL // (self.per_minute * SHARE * self.learnt))

    def span_us(self, characters: int) -> int:
        """Return the time that so many characters take up; a large call leaves room for itself in each minute."""
        limit = self.characters_per_minute
        if limit is None:
            return 0
        rate = max(min(limit * SHARE, (limit - characters) * 100), limit * LARGE_SHARE)
        return -(-characters * MINUTE_US * 100 * FULL // (rate * self.learnt))

    def ahead_us(self, characters: int) -> int:
        """Return how long before it a call of so many characters wants room.

        Providers count whole calls in whole minutes: a large one at the end of a full minute would be too much.
        """
        is_large = characters * 100 > (self.characters_per_minute or 0) * LARGE_SHARE
        return self.span_us(characters) if is_large else 0


class Slot(Base):
    """One call in flight. A lease that lapses frees it."""

    __tablename__ = "slots"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    holder: Mapped[Ref | None]
    lease_until: Mapped[Millis] = mapped_column(default=0)


@dataclass(frozen=True)
class State:
    """How a provider's limits are used at this moment."""

    per_minute: int
    """The ceiling in calls a minute, as the provider allows them."""
    characters_per_minute: int | None
    learnt_share: float
    """What is used of it since calls were refused for speed: 1.0 where none was."""
    cooldown_seconds: float
    """For how long nobody calls; 0.0 where calls are made."""
    slots_taken: int
    slots_free: int


def set_limits(
    session: Session, name: str, *, concurrent: int, per_minute: int, characters_per_minute: int | None = None
) -> None:
    """Make the rows say what the provider allows; calls in flight keep their slots until they are over."""
    pace: dict[str, object] = {
        "concurrent": concurrent,
        "per_minute": per_minute,
        "characters_per_minute": characters_per_minute,
    }
    _upsert(session, Pace, {"name": name}, pace)
    for number in range(concurrent):
        _upsert(session, Slot, {"name": name, "number": number}, {"name": name})
    session.execute(delete(Slot).where(Slot.name == name, Slot.number >= concurrent, Slot.lease_until < now_ms()))


def names(session: Session) -> Sequence[str]:
    """Return the providers whose limits are known."""
    return session.scalars(select(Pace.name).order_by(Pace.name)).all()


def concurrency(session: Session, name: str) -> int:
    """Return how many calls the provider allows at once."""
    return session.scalar(select(Pace.concurrent).where(Pace.name == name)) or 0


def state(session: Session, name: str) -> State | None:
    """Return how the limits of a provider stand; None where they are not known yet."""
    taken = select(func.count()).where(Slot.name == name, Slot.lease_until >= now_ms()).scalar_subquery()
    row = session.execute(select(Pace, taken, now_ms()).where(Pace.name == name)).one_or_none()
    if row is None:
        return None
    pace, slots_taken, now = row
    return State(
        per_minute=pace.per_minute,
        characters_per_minute=pace.characters_per_minute,
        learnt_share=pace.learnt / FULL,
        cooldown_seconds=max(pace.cooldown_until - now, 0) / 1000,
        slots_taken=slots_taken,
        slots_free=max(pace.concurrent - slots_taken, 0),
    )


def wait_ms(session: Session, name: str, *, characters: int = 0) -> int:
    """Return how long to wait before asking for a permit; 0 where one is likely. Reads only."""
    wait = wait_place_ms(session, name, characters=characters)
    if wait:
        return wait
    usable = (Slot.name == name, Slot.number < _allowed(name), Slot.lease_until < now_ms())
    return 0 if session.scalar(select(Slot.number).where(*usable).limit(1)) is not None else SLOT_POLL_MS


def wait_place_ms(session: Session, name: str, *, characters: int = 0) -> int:
    """Return how long to wait for the next place in the pace, whatever the slots. Reads only."""
    row = session.execute(select(Pace, now_ms()).where(Pace.name == name)).one_or_none()
    if row is None:
        return SLOT_POLL_MS
    pace, now = row
    due_us = max(pace.next_at, pace.characters_next_at + pace.ahead_us(characters))
    wait: int = max(-(-due_us // 1000), pace.cooldown_until) - now
    return max(wait, 0)


def acquire(session: Session, name: str, *, holder: str, seconds: float, characters: int = 0) -> int | None:
    """Take a slot and the next place in the pace, both or neither; None where there is none."""
    slot = _take_slot(session, name, holder, int(seconds * 1000))
    if slot is not None and not take_place(session, name, characters=characters):
        free(session, name, slot, holder)
        return None
    return slot


def keep(session: Session, name: str, slot: int, *, holder: str, seconds: float, characters: int = 0) -> bool:
    """Use a slot for one more call as soon as the one before it is over, and take a place in the pace for it.

    False where it was lost, is no longer allowed, or there is no place yet: it is free then.
    """
    mine = (Slot.name == name, Slot.number == slot, Slot.holder == holder, Slot.lease_until >= now_ms())
    keeping = update(Slot).where(*mine, Slot.number < _allowed(name))
    keeping = keeping.values(lease_until=now_ms() + int(seconds * 1000))
    if rowcount(session, keeping.execution_options(synchronize_session=False)) == 1:
        if take_place(session, name, characters=characters):
            return True
        free(session, name, slot, holder)
    return False


def take_place(session: Session, name: str, *, characters: int = 0) -> bool:
    """Take the next place in the pace alone: for one more call under a slot that is held."""
    pace = session.get(Pace, name, populate_existing=True)
    if pace is None:
        return False
    now_us, ahead = now_ms() * 1000, pace.ahead_us(characters)
    is_due = (Pace.next_at <= now_us, Pace.characters_next_at <= now_us - ahead, Pace.cooldown_until <= now_ms())
    # Taken a little late, the places after it stay where they were: else the pace would lose what each start is late.
    late = now_us - min(LATE_US, pace.interval_us() // 10)
    places = {
        "next_at": _at_least(Pace.next_at, late) + pace.interval_us(),
        "characters_next_at": _at_least(Pace.characters_next_at, late) + pace.span_us(characters),
    }
    taking = update(Pace).where(Pace.name == name, *is_due).values(**places)
    return rowcount(session, taking.execution_options(synchronize_session=False)) == 1


def free(session: Session, name: str, slot: int, holder: str) -> None:
    """Give a slot back as soon as the call is over."""
    mine = update(Slot).where(Slot.name == name, Slot.number == slot, Slot.holder == holder)
    session.execute(mine.values(holder=None, lease_until=0).execution_options(synchronize_session=False))


def sweep(session: Session) -> None:
    """Free the slots of workers that are gone, and let paces that were slowed down recover."""
    session.execute(update(Slot).where(Slot.holder.in_(dead_holders())).values(holder=None, lease_until=0))
    recovered = case((Pace.learnt + FASTER > FULL, FULL), else_=Pace.learnt + FASTER)
    slowed = update(Pace).where(Pace.learnt < FULL, Pace.learnt_at <= now_ms() - FASTER_AFTER_MS)
    session.execute(slowed.values(learnt=recovered, learnt_at=now_ms()))


def cool_down(session: Session, name: str, seconds: float) -> None:
    """Let nobody call the provider for a while, and more slowly from then on: it has refused a call for speed.

    Refusals of calls that were under way together count as one.
    """
    until = now_ms() + int(max(seconds, LEAST_COOLDOWN_SECONDS) * 1000)
    later = case((Pace.cooldown_until < until, until), else_=Pace.cooldown_until)
    slower = Pace.learnt * SLOWER_PER_CENT // 100
    learnt = case((Pace.cooldown_until > now_ms(), Pace.learnt), (slower < FASTER, FASTER), else_=slower)
    cooling = update(Pace).where(Pace.name == name)
    session.execute(cooling.values(cooldown_until=later, learnt=learnt, learnt_at=now_ms()))


def _at_least(at: InstrumentedAttribute[int], least: ColumnElement[int]) -> ColumnElement[int]:
    return case((at > least, at), else_=least)


def _allowed(name: str) -> ScalarSelect[int]:
    return select(Pace.concurrent).where(Pace.name == name).scalar_subquery()


def _take_slot(session: Session, name: str, holder: str, lease_ms: int) -> int | None:
    available = (
        select(Slot.number)
        .where(Slot.name == name, Slot.number < _allowed(name), Slot.lease_until < now_ms())
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
