"""Which cores a worker uses: its threads run Python one at a time, wherever they are.

Spread over two cores they hand Python's lock from one to the other with every call of the system: `make bench` counted
3.5 times the CPU of its floor a line so, and 2.75 times on one core. What runs beside it, as the decoders of recordings
do, may use them all.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.leases import Instance

CAN_CHOOSE = hasattr(os, "sched_setaffinity")
"""macOS does not let a program choose."""


class Cores:
    """The cores of this machine that the worker may use, and the one its threads stay on."""

    def __init__(self) -> None:
        self._all = frozenset(os.sched_getaffinity(0)) if CAN_CHOOSE else frozenset()

    @property
    def count(self) -> int:
        """How many there are; a container may be given fewer than its machine has."""
        return len(self._all) or os.cpu_count() or 1

    def settle(self, rank: int) -> None:
        """Keep this thread, and those it starts, on one core: each worker of this machine on another, by its rank."""
        if len(self._all) > 1:
            # From the last: the first has the machine's own work to do.
            os.sched_setaffinity(0, {sorted(self._all, reverse=True)[rank % len(self._all)]})

    @contextmanager
    def all(self) -> Iterator[None]:
        """Let this thread, and the programs it starts, use all of them for a while."""
        if not CAN_CHOOSE:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._all)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def rank_of(session: Session, holder: str) -> int:
    """Return how many workers on the same machine were there before this one."""
    mine = select(Instance.host).where(Instance.id == holder).scalar_subquery()
    before = (Instance.host == mine, Instance.id.startswith(f"{leases.WORKER}_"), Instance.id < holder)
    beating = Instance.beat_at > now_ms() - leases.DEAD_AFTER_MS
    return session.scalar(select(func.count()).where(*before, beating)) or 0
