"""The provider's limits as rows, shared by all workers: slots for calls in flight, a pace for calls and characters.

The pace is GCRA with a burst of one at 95 % of the limit; it earned no refusal against four upstream algorithms. A
refusal for speed stops everybody for a while and slows the pace, which recovers step by step while none follows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ScalarSelect, String, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from pipeline.db.base import Base, Millis, Ref
from pipeline.db.clock import now_ms
from pipeline.db.leases import dead_holders

SHARE = 95
"""Per cent of the provider's rate that is used."""
SLOT_POLL_MS = 20
"""How soon to ask again where every slot is taken by other processes: a call ends when it ends."""
SOON_MS = 250
"""How long before it may start a call gets its place: it then starts on time, whatever the claim takes."""
LATE_US = 10_000
"""How late a call may start without moving those after it; less than what the network spreads them by anyway."""
LARGE_SHARE = 5
"""Per cent of the characters a minute above which a call waits for room before it starts, not only after it."""
FULL = 1_000
"""The learnt share of a pace that nothing has slowed down, in thousandths."""
SLOWER_PER_CENT = 70
"""What a refusal leaves of the pace."""
SLOWEST = 100
"""A provider that refuses a tenth of its pace is away, and each refusal stops all calls for a while: that is enough."""
FASTER = 20
"""What a pace wins back, in thousandths, each time no refusal has come for `FASTER_AFTER_MS`."""
MUCH_FASTER_PER_CENT = 125
"""What it comes to instead while it is below `CAREFUL_FROM`: from a tenth to half of it takes four minutes."""
CAREFUL_FROM = 500
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


# Asked for each group of calls: prepared once, and most of them past the session.
_OF = bindparam("of", type_=String)
_UNTIL = now_ms() + bindparam("lease_ms", type_=BigInteger)
# Who has the row takes the next places, one process after the other.
_LOCKED = (
    select(Pace, now_ms()).where(Pace.name == _OF).with_for_update(of=Pace).execution_options(populate_existing=True)
)
_MOVE = (
    update(Pace)
    .where(Pace.name == _OF)
    .values(next_at=bindparam("at", type_=BigInteger), characters_next_at=bindparam("characters_at", type_=BigInteger))
)
_RENEW = (
    update(Slot)
    .where(Slot.name == _OF, Slot.holder == bindparam("who"), Slot.lease_until >= now_ms())
    .values(lease_until=case((Slot.lease_until < _UNTIL, _UNTIL), else_=Slot.lease_until))
    .returning(Slot.number)
)
_IS_FREE = (Slot.name == _OF, Slot.number < bindparam("allowed"), Slot.lease_until < now_ms())
# Locked apart from the change: as a plain subquery PostgreSQL may run it once a row.
_FREE = (
    select(Slot.number)
    .where(*_IS_FREE)
    .order_by(Slot.number)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("found")
)
_TAKE = (
    update(Slot)
    .where(*_IS_FREE, Slot.number.in_(select(_FREE.c.number)))
    .values(holder=bindparam("who"), lease_until=_UNTIL)
    .returning(Slot.number)
)
_GIVE_BACK = (
    update(Slot)
    .where(Slot.name == _OF, Slot.number == bindparam("slot"), Slot.holder == bindparam("who"))
    .values(holder=None, lease_until=0)
)
_FREE_THE_DEAD = update(Slot).where(Slot.holder.in_(dead_holders())).values(holder=None, lease_until=0)
_RECOVER = (
    update(Pace)
    .where(Pace.learnt < FULL, Pace.learnt_at <= now_ms() - FASTER_AFTER_MS)
    .values(
        learnt=case(
            (Pace.learnt < SLOWEST, SLOWEST),
            (Pace.learnt < CAREFUL_FROM, Pace.learnt * MUCH_FASTER_PER_CENT // 100),
            (Pace.learnt + FASTER > FULL, FULL),
            else_=Pace.learnt + FASTER,
        ),
        learnt_at=now_ms(),
    )
)


@dataclass(frozen=True)
class _Place:
    """When a call may start, and where that leaves the pace; in microseconds of the database's clock."""

    start: int
    next_at: int
    characters_next_at: int


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


@dataclass(frozen=True)
class Drawn:
    """What a holder may call with."""

    slots: frozenset[int]
    """All slots it has, those of calls under way among them."""
    starts: Sequence[int]
    """For each of the calls that were asked for, as far as they may start soon: in how many milliseconds."""
    wait_ms: int
    """When it is worth asking for the next of them, as far as the pace goes."""


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


def wait_ms(session: Session, name: str) -> int:
    """Return how long to wait before asking for a permit; 0 where one is likely. Reads only."""
    wait = wait_place_ms(session, name)
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


def draw(
    session: Session,
    name: str,
    *,
    holder: str,
    seconds: float,
    characters: Sequence[int],
    owed: int = 0,
    ahead: Callable[[int], int] = lambda _slots: 0,
) -> Drawn:
    """Take slots and places in the pace for as many of the next calls as may start soon.

    `characters` says how many each of them speaks, `owed` for how many calls the holder's slots are spoken for. Of its
    number of slots, `ahead` tells how many calls may have a place and wait for one of those to become free. All slots
    of the holder are its own for at least so many `seconds`.
    """
    row = session.execute(_LOCKED, {"of": name}).one_or_none()
    if row is None:
        return Drawn(frozenset(), (), SLOT_POLL_MS)
    pace, now = row
    slots = _renew(session, pace, holder, int(seconds * 1000))
    if pace.cooldown_until > now:
        return Drawn(slots, (), pace.cooldown_until - now)
    places = _places(pace, now * 1000, characters)
    soon = sum(1 for place in places if place.start <= (now + SOON_MS) * 1000)
    missing = soon + owed - len(slots)
    if missing > 0:
        slots |= _take_slots(session, pace, missing, holder, int(seconds * 1000))
    taken = places[: min(soon, max(len(slots) + ahead(len(slots)) - owed, 0))]
    if taken:
        _move(session, name, taken[-1])
    starts = [max(-(-place.start // 1000) - now, 0) for place in places]
    left = starts[len(taken) :]
    return Drawn(slots, starts[: len(taken)], max(left[0] - SOON_MS, 0) if left else 0)


def take_place(session: Session, name: str, *, characters: int = 0) -> bool:
    """Take the next place in the pace alone: for one more call under a slot that is held."""
    row = session.execute(_LOCKED, {"of": name}).one_or_none()
    if row is None:
        return False
    pace, now = row
    (place,) = _places(pace, now * 1000, [characters])
    if place.start > now * 1000 or pace.cooldown_until > now:
        return False
    _move(session, name, place)
    return True


def free(session: Session, name: str, slot: int, holder: str) -> None:
    """Give a slot back as soon as the call is over."""
    session.connection().execute(_GIVE_BACK, {"of": name, "slot": slot, "who": holder})


def sweep(session: Session) -> None:
    """Free the slots of workers that are gone, and let paces that were slowed down recover."""
    connection = session.connection()
    connection.execute(_FREE_THE_DEAD)
    connection.execute(_RECOVER)


def cool_down(session: Session, name: str, seconds: float) -> None:
    """Let nobody call the provider for a while, and more slowly from then on: it has refused a call for speed.

    Refusals of calls that were under way together count as one.
    """
    until = now_ms() + int(max(seconds, LEAST_COOLDOWN_SECONDS) * 1000)
    later = case((Pace.cooldown_until < until, until), else_=Pace.cooldown_until)
    slower = Pace.learnt * SLOWER_PER_CENT // 100
    learnt = case((Pace.cooldown_until > now_ms(), Pace.learnt), (slower < SLOWEST, SLOWEST), else_=slower)
    cooling = update(Pace).where(Pace.name == name)
    session.execute(cooling.values(cooldown_until=later, learnt=learnt, learnt_at=now_ms()))


def _move(session: Session, name: str, last: _Place) -> None:
    """Note that the places up to this one are taken."""
    moved = {"of": name, "at": last.next_at, "characters_at": last.characters_next_at}
    session.connection().execute(_MOVE, moved)


def _allowed(name: str) -> ScalarSelect[int]:
    return select(Pace.concurrent).where(Pace.name == name).scalar_subquery()


def _places(pace: Pace, now_us: int, characters: Sequence[int]) -> list[_Place]:
    """Return the next places in the pace, one a call."""
    places: list[_Place] = []
    next_at, characters_next_at, interval = pace.next_at, pace.characters_next_at, pace.interval_us()
    for count in characters:
        start = max(next_at, characters_next_at + pace.ahead_us(count), now_us)
        # Taken a little late, the places after it stay where they were: else the pace would lose what a start is late.
        late = start - min(LATE_US, interval // 10)
        next_at = max(next_at, late) + interval
        characters_next_at = max(characters_next_at, late) + pace.span_us(count)
        places.append(_Place(start, next_at, characters_next_at))
    return places


def _renew(session: Session, pace: Pace, holder: str, lease_ms: int) -> frozenset[int]:
    """Keep the slots of a holder for longer, and return those that it has and that are still allowed."""
    mine = {"of": pace.name, "who": holder, "lease_ms": lease_ms}
    return frozenset(n for n in session.connection().execute(_RENEW, mine).scalars() if n < pace.concurrent)


def _take_slots(session: Session, pace: Pace, most: int, holder: str, lease_ms: int) -> frozenset[int]:
    asked = {"of": pace.name, "allowed": pace.concurrent, "most": most, "who": holder, "lease_ms": lease_ms}
    return frozenset(session.connection().execute(_TAKE, asked).scalars())


def _upsert(session: Session, row: type[Base], key: dict[str, object], values: dict[str, object]) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(row).values(**key, **{k: v for k, v in values.items() if k not in key})
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
