"""Claims on rows: a worker instance that beats, a lease by the database's clock, a fence no late twin can pass."""

import os
import socket
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    CursorResult,
    Delete,
    Insert,
    Select,
    String,
    Update,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningUpdate

from pipeline.db.base import Base, CreatedAt, Id, Millis, Ref
from pipeline.db.clock import now_ms
from pipeline.db.ids import new_id

BEAT_SECONDS = 1.0
DEAD_AFTER_MS = 5_000
"""An instance that has not beaten for this long is taken for dead and its leases end."""
HINT_SECONDS = 6
"""A message that nobody has taken up by then is lost: an emptied broker holds nobody up for longer than this."""
WORKER, SWEEPER = "wrk", "swp"
"""What the ids of instances begin with. A sweeper claims nothing; it beats so that others see that one is there."""
SWEEPER_MISSED_MS = 30_000
"""A sweeper that has not beaten for this long is away; it beats more slowly than a worker."""


class Instance(Base):
    """A running worker process. Its leases live as long as it beats."""

    __tablename__ = "instances"

    id: Mapped[Id]
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    started_at: Mapped[CreatedAt]
    beat_at: Mapped[Millis] = mapped_column(index=True)


class Leased:
    """What a row needs that is claimed by one worker at a time."""

    id: Mapped[Id]
    fence: Mapped[int] = mapped_column(default=0)
    holder: Mapped[Ref | None]
    lease_until: Mapped[Millis | None]


R = TypeVar("R", bound=Leased)


def join(session: Session, kind: str = WORKER) -> str:
    """Register this process and return the holder id for its claims."""
    instance = Instance(id=new_id(kind), host=socket.gethostname(), pid=os.getpid(), beat_at=now_ms())
    session.add(instance)
    session.flush()
    return instance.id


def beat(session: Session, holder: str) -> bool:
    """Say that this instance lives; False where it is not known. One that was taken for dead may live again."""
    beaten = update(Instance).where(Instance.id == holder).values(beat_at=now_ms())
    return rowcount(session, beaten) == 1


def alive(session: Session, kind: str) -> int:
    """Count the workers, or the sweepers, that beat."""
    missed = DEAD_AFTER_MS if kind == WORKER else SWEEPER_MISSED_MS
    beating = select(func.count()).where(Instance.beat_at > now_ms() - missed, Instance.id.startswith(f"{kind}_"))
    return session.scalar(beating) or 0


def bury(session: Session, *, host: str, pid: int) -> None:
    """End an instance that was seen to die, without waiting for its beat to be missed."""
    session.execute(update(Instance).where(Instance.host == host, Instance.pid == pid).values(beat_at=0))


def claim(
    session: Session, row: type[R], row_id: str, *, holder: str, seconds: float, **change: tuple[object, object]
) -> R | None:
    """Take one row by a conditional UPDATE and return it, or None where another was faster.

    `change` maps a column to `(expected, new)`; the fence goes up by one and the lease starts.
    """
    taken = _taken(row, holder, int(seconds * 1000), change)
    claiming = update(row).where(row.id == row_id, *_expected(row, change)).values(**taken)
    return session.scalar(claiming.returning(row).execution_options(populate_existing=True))


def claim_all(
    session: Session, row: type[R], ids: Sequence[str], *, holder: str, seconds: float, **change: tuple[object, object]
) -> Sequence[R]:
    """Take several rows as `claim` does, and return those that nobody else was faster at."""
    asked = {"ids": ids, "by": holder, "lease_ms": int(seconds * 1000)}
    claiming: ReturningUpdate[R] = _claiming_all(row, **change)  # type: ignore[arg-type] # a class can be hashed
    return session.scalars(claiming, asked).all()


@cache
def _claiming_all(row: type[Leased], **change: tuple[object, object]) -> ReturningUpdate[Any]:
    """Put the statement together once: it is asked for each group of calls."""
    expected = _expected(row, change)
    # Locked in one order, and not waited for: whoever is at a row now changes its state.
    mine = select(row.id).where(row.id.in_(bindparam("ids", expanding=True)), *expected).order_by(row.id)
    free = mine.with_for_update(skip_locked=True).cte("free")
    claiming = update(row).where(row.id.in_(select(free.c.id)), *expected)
    claiming = claiming.values(**_taken(row, bindparam("by"), bindparam("lease_ms", type_=BigInteger), change))
    return claiming.returning(row).execution_options(populate_existing=True, synchronize_session=False)


def settle(session: Session, row: type[Leased], row_id: str, fence: int, **values: object) -> bool:
    """Write the outcome of a claim and end its lease; False where the claim has ended, and nothing was written."""
    # Without the holder a claim that was taken back would pass under the lease of a message sent since.
    settling = update(row).where(
        row.id == row_id, row.fence == fence, row.holder.is_not(None), row.lease_until.is_not(None)
    )
    return rowcount(session, settling.values(lease_until=None, holder=None, **values)) == 1


def announce(session: Session, row: type[Leased], *due: ColumnElement[bool]) -> Sequence[str]:
    """Return the rows that are due and that nobody is at, each once in `HINT_SECONDS`, however many look for them.

    A lease without a holder says that a message is on its way; it keeps nobody from claiming the row.
    """
    silent = row.holder.is_(None) & (row.lease_until.is_(None) | (row.lease_until < now_ms()))
    # Two that announce at once would lock the same rows in different orders.
    free = select(row.id).where(*due, silent).with_for_update(skip_locked=True).cte("free")
    announcing = update(row).where(row.id.in_(select(free.c.id)), silent)
    announcing = announcing.values(lease_until=now_ms() + HINT_SECONDS * 1000)
    return sorted(session.scalars(announcing.returning(row.id).execution_options(synchronize_session=False)))


def was_seen_to_end(session: Session, holder: str | None) -> bool:
    """Tell whether an instance is known to be dead, not only silent: a silent one may be asleep and wake up."""
    instance = session.get(Instance, holder, populate_existing=True) if holder else None
    return instance is not None and instance.beat_at == 0


def lapsed(row: type[Leased]) -> ColumnElement[bool]:
    """Say which claims have ended: the lease is over, or its holder has stopped beating."""
    return row.lease_until.is_not(None) & ((row.lease_until < now_ms()) | row.holder.in_(dead_holders()))


def dead_holders() -> Select[str]:
    """Select the instances that have stopped beating."""
    return select(Instance.id).where(Instance.beat_at < now_ms() - DEAD_AFTER_MS)


def rowcount(session: Session, statement: Update | Delete | Insert) -> int:
    """Run a statement and return how many rows it has written or removed."""
    result = session.execute(statement)
    if not isinstance(result, CursorResult):
        raise TypeError("only statements that change rows are counted")
    return result.rowcount


def _expected(row: type[Leased], change: Mapping[str, tuple[object, object]]) -> list[ColumnElement[bool]]:
    return [getattr(row, column) == before for column, (before, _) in change.items()]


def _taken(
    row: type[Leased],
    holder: str | BindParameter[str],
    lease_ms: int | BindParameter[int],
    change: Mapping[str, tuple[object, object]],
) -> dict[str, object]:
    """Return what a claim writes."""
    lease = {"fence": row.fence + 1, "holder": holder, "lease_until": now_ms() + lease_ms}
    return {**lease, **{column: after for column, (_, after) in change.items()}}
