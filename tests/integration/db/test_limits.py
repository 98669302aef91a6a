import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, takewhile

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

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


def acquire(database: Database, *, seconds: float = 60, holder: str = HOLDER) -> int | None:
    """Draw a slot and a place for one more call of a holder."""
    with database.write() as session:
        session.execute(update(Pace).where(Pace.per_minute == FAST).values(next_at=0))
        had = frozenset(session.scalars(select(Slot.number).where(Slot.holder == holder, Slot.lease_until >= now_ms())))
        drawn = draw(session, [0], owed=len(had), seconds=seconds, holder=holder)
        return min(drawn.slots - had) if drawn.starts else None


def draw(
    session: Session,
    characters: Sequence[int],
    *,
    owed: int = 0,
    seconds: float = 60,
    holder: str = HOLDER,
    ahead: int = 0,
) -> limits.Drawn:
    return limits.draw(
        session, NAME, holder=holder, seconds=seconds, characters=characters, owed=owed, ahead=lambda _: ahead
    )


def wait_ms(database: Database) -> int:
    with database.read() as session:
        return limits.wait_ms(session, NAME)


def set_characters(database: Database, per_minute: int) -> None:
    with database.write() as session:
        limits.set_limits(session, NAME, concurrent=1, per_minute=FAST, characters_per_minute=per_minute)


def speak(database: Database, characters: int) -> int | None:
    """Take a place for a call; return how many microseconds the characters take up, or None where there is none."""
    with database.write() as session:
        session.execute(update(Pace).values(next_at=0))
        if not limits.take_place(session, NAME, characters=characters):
            return None
        return session.get_one(Pace, NAME).span_us(characters)


def state(database: Database) -> limits.State:
    with database.read() as session:
        found = limits.state(session, NAME)
    assert found is not None
    return found


def sweep(database: Database) -> float:
    with database.write() as session:
        limits.sweep(session)
    return state(database).learnt_share


def simulate(size: int, *, share: float | None) -> list[tuple[int, int]]:
    """Send calls of one size for five minutes as fast as the pace allows, or at a share of the plain limit."""
    pace = Pace(name=NAME, concurrent=1, per_minute=FAST, characters_per_minute=20_000, learnt=limits.FULL)
    at, sent = 0, []
    while at < 5 * limits.MINUTE_US:
        sent.append((at, size))
        plain = int(size * limits.MINUTE_US / (20_000 * share)) if share else 0
        at += plain or max(pace.span_us(size) + pace.ahead_us(size), 1)
    return sent


def most_in_a_minute(sent: list[tuple[int, int]]) -> int:
    """Return the most characters that any sixty seconds hold, as a provider with a sliding window counts them."""
    starts = [at for at, _ in sent]
    return max(sum(size for at, size in sent if start <= at < start + limits.MINUTE_US) for start in starts)


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
        return acquire(database, holder=f"wrk_{threading.get_ident()}")

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
        assert session.get_one(Pace, NAME).interval_us() == 105_264  # 60 s / 600 / 0.95, rounded up
    with database.write() as session:
        before = session.scalar(select(now_ms())) or 0
        assert limits.take_place(session, NAME)
        after = session.scalar(select(now_ms())) or 0
        pace = session.get_one(Pace, NAME, populate_existing=True)
    first, last = (at * 1000 + 105_264 for at in (before, after))
    assert first - limits.LATE_US <= pace.next_at <= last


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
        assert draw(session, [0]).starts == ()
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
        drawn = limits.draw(session, "other", holder=HOLDER, seconds=60, characters=[0])
    assert drawn.slots == {0}


def test_a_start_that_is_late_delays_none_after_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LATE_US", 5_000_000)
    set_limits(database, per_minute=MINUTE_APART)
    with database.write() as session:
        due = (session.scalar(select(now_ms())) or 0) * 1000 - 1_000_000
        session.execute(update(Pace).values(next_at=due))
        assert limits.take_place(session, NAME)
        pace = session.get_one(Pace, NAME, populate_existing=True)
        assert pace.next_at == due + pace.interval_us()


def test_several_calls_draw_together_and_each_has_its_own_place(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SOON_MS", 250_000)
    set_limits(database, concurrent=8, per_minute=MINUTE_APART)
    with database.write() as session:
        drawn = draw(session, [0] * 8)
        interval = session.get_one(Pace, NAME, populate_existing=True).interval_us() // 1000
        again = draw(session, [0], owed=len(drawn.slots))
    # One at once, and those whose turn comes as soon as a claim may take.
    assert len(drawn.slots) == len(drawn.starts) == 1 + 250_000 // interval
    assert drawn.starts[0] == 0
    assert {later - earlier for earlier, later in pairwise(drawn.starts[1:])} <= {interval, interval + 1}
    assert drawn.wait_ms == pytest.approx(drawn.starts[-1] + interval - limits.SOON_MS, abs=1)
    assert (again.slots, again.starts) == (drawn.slots, [])


def test_the_pace_of_calls_drawn_early_is_that_of_calls_made_on_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SOON_MS", 3_600_000)
    set_limits(database, concurrent=64, per_minute=MINUTE_APART)
    with database.write() as session:
        drawn = [draw(session, [0] * 12, owed=owed) for owed in (0, 12)]
        now = session.scalar(select(now_ms())) or 0
        pace = session.get_one(Pace, NAME, populate_existing=True)
    assert [len(each.starts) for each in drawn] == [12, 12]
    assert pace.next_at // 1000 - now == pytest.approx(24 * pace.interval_us() / 1000, abs=10_000)


def test_slots_are_renewed_with_every_draw_and_a_lost_one_is_not_ours(database: Database) -> None:
    set_limits(database, concurrent=2)
    assert [acquire(database), acquire(database)] == [0, 1]
    with database.write() as session:
        session.execute(update(Slot).where(Slot.number == 0).values(holder="wrk_2"))
        session.execute(update(Slot).where(Slot.number == 1).values(lease_until=now_ms() + 1_000))
        drawn = draw(session, [], owed=1, seconds=60)
        until = session.scalar(select(Slot.lease_until - now_ms()).where(Slot.number == 1)) or 0
    assert drawn.slots == {1}
    assert until > 50_000


def test_no_draw_shortens_the_lease_of_a_longer_call(database: Database) -> None:
    set_limits(database, concurrent=2)
    acquire(database, seconds=600)
    acquire(database, seconds=60)
    with database.read() as session:
        left = session.scalar(select(Slot.lease_until - now_ms()).where(Slot.number == 0)) or 0
    assert left > 500_000


def test_calls_ahead_have_a_place_and_no_slot(database: Database) -> None:
    set_limits(database, concurrent=1)
    with database.write() as session:
        alone, ahead = draw(session, [0]), draw(session, [0, 0, 0], owed=1, ahead=2)
    assert (alone.slots, len(alone.starts)) == ({0}, 1)
    assert (ahead.slots, len(ahead.starts)) == ({0}, 2)


def test_a_limit_that_shrinks_takes_no_slot_from_a_call_and_gives_it_to_no_other(database: Database) -> None:
    set_limits(database, concurrent=2)
    assert [acquire(database), acquire(database)] == [0, 1]
    set_limits(database, concurrent=1)
    with database.read() as session:
        assert session.get_one(Slot, (NAME, 1)).holder == HOLDER
    with database.write() as session:
        assert draw(session, [0], owed=2).slots == {0}
        limits.free(session, NAME, 1, HOLDER)
    assert (acquire(database), wait_ms(database)) == (None, limits.SLOT_POLL_MS)
    set_limits(database, concurrent=1)
    with database.read() as session:
        assert session.get(Slot, (NAME, 1)) is None


def test_characters_have_a_pace_of_their_own(database: Database) -> None:
    set_characters(database, 12_000)
    assert speak(database, 190) == 1_000_000
    assert speak(database, 1) is None
    with database.read() as session:
        assert 900 < limits.wait_place_ms(session, NAME, characters=1) <= 1_000


def test_a_large_call_waits_for_its_room_and_leaves_some_behind_it(database: Database) -> None:
    set_characters(database, 12_000)
    assert speak(database, 100) is not None
    with database.read() as session:
        small, large = (limits.wait_place_ms(session, NAME, characters=count) for count in (100, 6_000))
    assert small <= 527
    assert large >= 60_000


@pytest.mark.parametrize("size", [60, 600, 3_000, 9_000])
def test_no_minute_has_more_characters_than_the_provider_allows(size: int) -> None:
    sent = simulate(size, share=None)
    assert most_in_a_minute(sent) <= 20_000


def test_a_pace_at_the_whole_limit_would_send_too_many() -> None:
    sent = simulate(600, share=1.0)
    assert most_in_a_minute(sent) > 20_000


def test_a_refusal_slows_everybody_down_and_the_pace_recovers(database: Database) -> None:
    set_limits(database, concurrent=2, per_minute=600)
    with database.write() as session:
        limits.cool_down(session, NAME, 0.1)
        limits.cool_down(session, NAME, 5)  # of a call that was under way at the same time
    told = state(database)
    assert (told.learnt_share, told.slots_free, told.per_minute) == (0.7, 2, 600)
    assert 4 < told.cooldown_seconds <= 5
    shares = []
    for _ in range(2):
        shares.append(sweep(database))  # at once: nothing has changed
        shares.append(recover(database))
    assert shares == [0.7, 0.72, 0.72, 0.74]


def recover(database: Database) -> float:
    """Let half a minute without a refusal go by."""
    with database.write() as session:
        session.execute(update(Pace).values(learnt_at=Pace.learnt_at - limits.FASTER_AFTER_MS))
    return sweep(database)


def test_from_a_tenth_a_pace_recovers_quickly_to_half_and_carefully_from_there(database: Database) -> None:
    set_limits(database)
    with database.write() as session:
        session.execute(update(Pace).values(learnt=limits.SLOWEST))
    to_half = list(takewhile(lambda share: share < 0.5, iter(lambda: recover(database), None)))
    assert len(to_half) == 7
    half = state(database).learnt_share
    assert recover(database) == pytest.approx(half + 0.02)


def test_a_pace_that_an_older_version_left_lower_is_brought_up_at_once(database: Database) -> None:
    set_limits(database)
    with database.write() as session:
        session.execute(update(Pace).values(learnt=20))
    assert recover(database) == limits.SLOWEST / limits.FULL


def test_refusals_one_after_the_other_slow_down_to_a_tenth_and_not_to_nothing(database: Database) -> None:
    set_limits(database)
    for _ in range(20):
        with database.write() as session:
            limits.cool_down(session, NAME, 0.1)
            session.execute(update(Pace).values(cooldown_until=0))
    assert state(database).learnt_share == limits.SLOWEST / limits.FULL


def test_a_pace_recovers_no_further_than_the_limit(database: Database) -> None:
    set_limits(database)
    with database.write() as session:
        session.execute(update(Pace).values(learnt=limits.FULL - 1))
        limits.sweep(session)
    assert state(database).learnt_share == 1.0
