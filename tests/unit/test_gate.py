"""Threads that wait for a permit: one asks, a slot is handed on at once, and none is ever lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline import gate as gates
from pipeline.gate import Gate, Held

SOON = 10.0


def held(slot: int = 0) -> Held:
    return Held(slot, time.monotonic())


def test_one_thread_asks_and_the_others_stand_behind_it() -> None:
    gate = Gate()
    assert gate.enter(SOON)
    assert not gate.enter(0)
    assert gate.leave(asked=False) == []
    assert gate.leave(asked=True) == []
    assert gate.enter(0)


def test_a_slot_wakes_the_thread_that_waits_for_it() -> None:
    gate, waits = Gate(), threading.Event()

    def wait() -> Held | None:
        gate.enter(SOON)
        waits.set()
        taken = gate.take(SOON, wants_slot=True)
        gate.leave(asked=True)
        return taken

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(wait)
        assert waits.wait(SOON)
        slot = held(3)
        assert gate.hand(slot)
        assert waiting.result(timeout=SOON / 2) == slot


def test_where_nobody_waits_a_slot_is_not_handed_on() -> None:
    assert not Gate().hand(held())


def test_no_more_slots_are_handed_on_than_threads_wait() -> None:
    gate = Gate()
    gate.enter(SOON)
    assert [gate.hand(held(0)), gate.hand(held(1))] == [True, False]


def test_who_waits_for_the_pace_wants_no_slot() -> None:
    gate = Gate()
    gate.enter(SOON)
    assert gate.take(0, wants_slot=False) is None
    assert not gate.hand(held())


def test_a_slot_that_was_kept_for_long_is_left_to_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    gate.enter(SOON)
    monkeypatch.setattr(gates, "KEPT_SECONDS", -1)
    assert not gate.hand(held())


def test_who_goes_away_without_the_slot_that_was_handed_to_it_gives_it_back() -> None:
    gate, slot = Gate(), held()
    gate.enter(SOON)
    assert gate.hand(slot)
    assert gate.leave(asked=True) == [slot]


def test_a_slot_is_left_to_the_next_thread_where_one_waits() -> None:
    gate, slot = Gate(), held()
    gate.enter(SOON)
    gate.enter(0)
    assert gate.hand(slot)
    assert gate.leave(asked=True) == []
    assert gate.take(0, wants_slot=True) == slot
