import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from pipeline.db import limits
from pipeline.db.clock import now_ms
from pipeline.db.engine import Database
from pipeline.db.limits import Pace, Slot

NAME = "stage"
FAST = 6_000_000
"""Calls a minute at a pace of a millisecond: the pace is not what these tests wait for."""
MINUTE_APART = 1
HOLDER = "wrk_1"


def set_limits(database: Database, *, concurrent: int = 2, per_minute: int = FAST) -> None:
    with database.write() as session:
        limits.set_limits(session, NAME, concurrent=concurrent, per_minute=per_minute)


def acquire(database: Database, *, seconds: float = 60) -> int | None:
    with database.write() as session:
        session.execute(update(Pace).where(Pace.interval_ms <= 2).values(next_at=0))
        return limits.acquire(session, NAME, holder=HOLDER, seconds=seconds)


def wait_ms(database: Database) -> int:
    with database.read() as session:
        return limits.wait_ms(session, NAME)


def test_there_are_as_many_slots_as_calls_are_allowed(database: Database) -> None:
    set_limits(database, concurrent=2)
    assert [acquire(database) for _ in range(3)] == [0, 1, None]
    assert wait_ms(database) == limits.SLOT_POLL_MS


def test_a_slot_given_back_is_free_at_once(database: Database) -> None:
    set_limits(database, concurrent=1)
    assert acquire(database) == 0
    with database.write() as session:
        limits.free(session, NAME, 0, HOLDER)
    assert acquire(database) == 0


def test_a_slot_is_not_given_back_for_somebody_else(database: Database) -> None:
    set_limits(database, concurrent=1)
    acquire(database)
    with database.write() as session:
        limits.free(session, NAME, 0, "wrk_2")
    assert acquire(database) is None


def test_a_slot_whose_lease_lapses_is_free(database: Database) -> None:
    set_limits(database, concurrent=1)
    assert acquire(database, seconds=-1) == 0
    assert acquire(database) == 0


def test_the_slots_are_never_exceeded_by_many_threads(database: Database) -> None:
    set_limits(database, concurrent=5)
    start = threading.Barrier(16)

    def grab() -> int | None:
        start.wait()
        return acquire(database)

    with ThreadPoolExecutor(16) as threads:
        got = [done.result(timeout=60) for done in [threads.submit(grab) for _ in range(16)]]
    slots = [slot for slot in got if slot is not None]
    assert len(slots) == len(set(slots)) <= 5
    with database.read() as session:
        taken = session.scalars(select(Slot.number).where(Slot.holder.is_not(None))).all()
    assert sorted(taken) == sorted(slots)


def test_calls_are_spaced_at_95_per_cent_of_the_rate(database: Database) -> None:
    set_limits(database, per_minute=600)
    with database.read() as session:
        assert session.get_one(Pace, NAME).interval_ms == 106  # 60 s / 600 / 0.95, rounded up
    with database.write() as session:
        before = session.scalar(select(now_ms())) or 0
        assert limits.take_place(session, NAME)
        after = session.scalar(select(now_ms())) or 0
        pace = session.get_one(Pace, NAME, populate_existing=True)
    assert before + 106 <= pace.next_at <= after + 106


def test_nobody_calls_before_it_is_due_and_no_slot_is_lost_over_it(database: Database) -> None:
    set_limits(database, per_minute=MINUTE_APART)
    assert acquire(database) == 0
    assert acquire(database) is None
    assert 55_000 < wait_ms(database) <= 64_000
    with database.read() as session:
        assert session.scalars(select(Slot.number).where(Slot.holder.is_not(None))).all() == [0]


def test_a_pause_in_the_calls_earns_no_burst(database: Database) -> None:
    set_limits(database, per_minute=MINUTE_APART)
    with database.write() as session:
        session.execute(update(Pace).values(next_at=1))
        assert [limits.take_place(session, NAME) for _ in range(2)] == [True, False]


def test_of_many_threads_one_gets_a_place(database: Database) -> None:
    set_limits(database, per_minute=MINUTE_APART)

    def take() -> bool:
        with database.write() as session:
            return limits.take_place(session, NAME)

    with ThreadPoolExecutor(8) as threads:
        assert sum(done.result() for done in [threads.submit(take) for _ in range(16)]) == 1


def test_a_cooldown_holds_everybody_back(database: Database) -> None:
    set_limits(database)
    with database.write() as session:
        limits.cool_down(session, NAME, 30)
    assert acquire(database) is None
    assert 25_000 < wait_ms(database) <= 30_000


def test_a_shorter_cooldown_does_not_end_a_longer_one(database: Database) -> None:
    set_limits(database)
    with database.write() as session:
        limits.cool_down(session, NAME, 30)
        limits.cool_down(session, NAME, 1)
    assert wait_ms(database) > 25_000


def test_nothing_is_permitted_before_the_limits_are_known(database: Database) -> None:
    with database.write() as session:
        assert limits.concurrency(session, NAME) == 0
        assert limits.acquire(session, NAME, holder=HOLDER, seconds=1) is None
    assert wait_ms(database) == limits.SLOT_POLL_MS


@pytest.mark.parametrize(("concurrent", "expected"), [(1, [0]), (3, [0, 1, 2])])
def test_new_limits_leave_calls_in_flight_alone(database: Database, concurrent: int, expected: list[int]) -> None:
    set_limits(database, concurrent=2)
    acquire(database)
    set_limits(database, concurrent=concurrent)
    with database.read() as session:
        slots = session.scalars(select(Slot).order_by(Slot.number)).all()
    assert [slot.number for slot in slots] == expected
    assert slots[0].holder == HOLDER


def test_the_limits_of_two_providers_are_apart(database: Database) -> None:
    set_limits(database, concurrent=1)
    acquire(database)
    with database.write() as session:
        limits.set_limits(session, "other", concurrent=1, per_minute=FAST)
        assert limits.acquire(session, "other", holder=HOLDER, seconds=60) == 0
