"""Several processes and many threads at one provider: its slots are used, and never exceeded."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.db.limits import Slot
from pipeline.edge import Edge
from pipeline.gate import Gate, Wish
from pipeline.scribe import Scribe
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage

SLOTS, PROCESSES, THREADS, CALLS = 4, 3, 6, 12
CALL_SECONDS = 0.01


@dataclass
class Provider:
    """Counts who is calling, and how many there ever were at once."""

    peak: int = 0
    done: Counter[str] = field(default_factory=Counter)
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def call(self, holder: str) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.peak = max(self.peak, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1
                self.done[holder] += 1


def claim(_session: Session, jobs: Sequence[str], _holder: str, _seconds: float) -> Sequence[str]:
    return jobs


def give_up(_session: Session, _job: str, _claim: str) -> None:
    return


def processes(stage: Stage) -> list[Edge]:
    """Start further processes beside each other, on one database."""
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=SLOTS, per_minute=60_000_000)
        holders = [leases.join(session) for _ in range(PROCESSES)]
    return [replace(stage.edge, holder=holder, gate=Gate(), scribe=Scribe()) for holder in holders]


def call_often(edge: Edge, provider: Provider) -> None:
    for number in range(CALLS):
        while (admission := edge.admit(Wish(claim, f"job {number}", 60, give_up=give_up))) is None:
            pass
        with provider.call(edge.holder):
            time.sleep(CALL_SECONDS)
        edge.dismiss(admission)
        if number % 4 == 0:
            edge.share_slots()


def run(stage: Stage) -> Provider:
    provider, edges = Provider(), processes(stage)
    with ThreadPoolExecutor(PROCESSES * THREADS) as threads:
        doing = [threads.submit(call_often, edge, provider) for edge in edges for _ in range(THREADS)]
        for done in doing:
            done.result(timeout=120)
    for edge in edges * 2:
        edge.share_slots()  # as a worker does every second: one that came when nobody waited any more is given back
    return provider


def test_many_threads_of_several_processes_use_all_slots_and_no_more(stage: Stage) -> None:
    provider = run(stage)
    assert provider.peak == SLOTS
    assert sorted(provider.done.values()) == [THREADS * CALLS] * PROCESSES
    with stage.database.read() as session:
        held = session.query(Slot).filter(Slot.holder.is_not(None)).count()
    assert held == 0


def test_without_rows_that_say_whose_a_slot_is_there_would_be_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_all(session: Session, pace: limits.Pace, _most: int, holder: str, _lease_ms: int) -> frozenset[int]:
        session.execute(update(Slot).values(holder=holder, lease_until=0))
        return frozenset(range(pace.concurrent))

    monkeypatch.setattr(limits, "_take_slots", take_all)
    assert run(stage).peak > SLOTS
