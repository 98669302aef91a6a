"""Threads that wait for a permit: one asks for all, a slot is handed on at once, and none is ever lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from pipeline import gate as gates
from pipeline import slots
from pipeline.gate import Answer, Ask, Gate, Ticket, Wish

SOON = 10.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def wish(*, takes_back: bool = False) -> Wish[str, str]:
    def give_up(_session: Session, _job: str, _claim: str) -> None:
        raise AssertionError("nothing is taken back here")

    back: Callable[[Session, str, str], None] | None = give_up if takes_back else None
    return Wish(lambda _session, jobs, _holder, _seconds: jobs, "job", 60, give_up=back)


def grant(gate: Gate, ask: Ask, slots: set[int], granted: int) -> None:
    claims = [(ticket, f"claim {number}", gate.now()) for number, ticket in enumerate(ask.tickets[:granted])]
    gate.answer(ask, Answer(frozenset(slots), claims))


def admitted(gate: Gate, slots: set[int]) -> Ticket[str, str]:
    """Let one call begin."""
    ticket = gate.enter(wish(), SOON)
    assert gate.await_turn(ticket)
    grant(gate, gate.ask(), slots, 1)
    assert not gate.await_turn(ticket)
    return ticket


def test_one_thread_asks_for_all_that_wait() -> None:
    gate = Gate()
    first, second = (gate.enter(wish(), SOON) for _ in range(2))
    assert gate.await_turn(first)
    ask = gate.ask()
    assert ask.tickets == [first, second]
    grant(gate, ask, {0, 1}, 2)
    assert [gate.await_turn(ticket) for ticket in (first, second)] == [False, False]
    assert {first.slot, second.slot} == {0, 1}
    assert gate.in_flight == 2


def test_a_slot_wakes_the_thread_that_waits_for_it() -> None:
    gate = Gate()
    first = admitted(gate, {3})
    second = gate.enter(wish(takes_back=True), SOON)
    gate._claimed.append(second)
    gate._queue.remove(second)
    second.claim = "ahead"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(gate.await_turn, second)
        assert first.slot is not None
        assert gate.dismiss(first.slot) == []
        assert waiting.result(timeout=SOON / 2) is False
    assert second.slot == 3


def test_where_nobody_waits_a_slot_is_given_back() -> None:
    gate = Gate()
    assert admitted(gate, {0}).slot == 0
    assert gate.dismiss(0) == [0]
    assert gate.slots == frozenset()


def test_as_many_slots_are_kept_as_threads_wait() -> None:
    gate = Gate()
    tickets = [gate.enter(wish(), SOON) for _ in range(2)]
    gate.await_turn(tickets[0])
    grant(gate, gate.ask(), {0, 1}, 2)
    gate.enter(wish(), SOON)
    assert [gate.dismiss(0), gate.dismiss(1)] == [[], [1]]


def test_who_goes_away_leaves_its_slot_to_the_next_or_gives_it_back() -> None:
    gate = Gate()
    gone = admitted(gate, {0})
    waiting = gate.enter(wish(), SOON)
    assert gate.leave(gone) == []
    assert (gate.in_flight, gate.slots) == (0, {0})
    assert gate.leave(waiting) == [0]


def test_a_slot_that_is_being_given_back_is_not_ours_whatever_an_older_answer_says() -> None:
    gate = Gate()
    admitted(gate, {0})
    other = gate.enter(wish(), SOON)
    gate.await_turn(other)
    ask = gate.ask()
    gate._queue.clear()  # nobody waits at this moment
    assert gate.dismiss(0) == [0]
    gate._queue.append(other)
    gate.freed(0)
    gate.answer(ask, Answer(frozenset({0})))
    assert gate.slots == frozenset()
    gate.answer(gate.ask(), Answer(frozenset({0})))  # read after it was free, and taken again since
    assert gate.slots == {0}


def test_who_is_being_asked_for_does_not_go_away() -> None:
    clock = Clock()
    gate = Gate(clock)
    first, second = (gate.enter(wish(), 1.0) for _ in range(2))
    assert gate.await_turn(first)
    ask = gate.ask()
    clock.time += 5
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(gate.await_turn, second)
        grant(gate, ask, {0, 1}, 2)
        assert waiting.result(timeout=SOON) is False
    assert second.claim == "claim 1"


def test_who_has_waited_for_long_enough_goes_away() -> None:
    clock = Clock()
    gate = Gate(clock)
    ticket = gate.enter(wish(), 1.0)
    clock.time += 1
    assert not gate.await_turn(ticket)
    assert (ticket.claim, gate.leave(ticket)) == (None, [])


def test_while_calls_are_under_way_others_are_waited_for() -> None:
    clock = Clock()
    gate = Gate(clock)
    admitted(gate, {0})
    gate.enter(wish(), SOON)
    assert gate._next_look() == clock.time + gates.ROUND_SECONDS
    gate.dismiss(0)
    assert gate._next_look() <= clock.time  # a slot stands idle


def test_a_claim_is_stale_once_it_has_waited_for_too_long_unless_it_cannot_be_taken_back() -> None:
    clock = Clock()
    gate = Gate(clock)
    ahead, strict = gate.enter(wish(takes_back=True), SOON), gate.enter(wish(), SOON)
    ahead.starts_at = strict.starts_at = clock.time
    clock.time += gates.STALE_SECONDS
    assert (gate.is_stale(ahead), gate.is_stale(strict)) == (False, False)
    clock.time += 0.01
    assert (gate.is_stale(ahead), gate.is_stale(strict)) == (True, False)


def test_after_an_ask_in_vain_it_is_looked_before_the_next() -> None:
    clock = Clock()
    gate = Gate(clock)
    gate.enter(wish(), SOON)
    ask = gate.ask()
    assert not ask.looks_first
    gate.answer(ask, Answer(frozenset()))
    assert gate._next_look() == clock.time + gates.LOOK_SECONDS
    assert gate.ask().looks_first


def test_who_is_above_its_share_gives_a_slot_back_now_and_then() -> None:
    clock = Clock()
    gate = Gate(clock)
    assert gate.share_slots(4, 2) == []
    tickets = [gate.enter(wish(), 60) for _ in range(8)]
    gate.await_turn(tickets[0])
    grant(gate, gate.ask(), {0, 1, 2, 3}, 4)
    kept = []
    for slot in (0, 1, 2, 3):
        clock.time += slots.KEPT_SECONDS
        kept.append(gate.dismiss(slot))
    assert kept == [[], [1], [2], []]  # the time runs from the first look, and two of four are our share


def test_a_process_that_is_alone_keeps_slots_for_a_moment_where_nobody_waits() -> None:
    gate = Gate()
    assert gate.share_slots(4, 1) == []
    tickets = [gate.enter(wish(), SOON) for _ in range(2)]
    gate.await_turn(tickets[0])
    grant(gate, gate.ask(), {0, 1}, 2)
    assert [gate.dismiss(0), gate.share_slots(4, 1), gate.dismiss(1)] == [[], [], []]
    assert gate.slots == {0, 1}
    assert gate.share_slots(4, 1) == [0]  # idle at two looks in a row
    assert gate.share_slots(4, 1) == [1]
    assert gate.slots == frozenset()


def test_one_that_is_not_keeps_nothing_others_could_use() -> None:
    gate = Gate()
    assert gate.share_slots(4, 2) == []
    admitted(gate, {0})
    assert gate.dismiss(0) == [0]


def test_who_was_claimed_ahead_does_not_ask_for_a_slot_again_at_once() -> None:
    clock = Clock()
    gate = Gate(clock)
    admitted(gate, {0})
    gate.enter(wish(takes_back=True), SOON)
    grant(gate, gate.ask(), {0}, 1)
    assert gate._next_look() == clock.time + gates.LOOK_RARELY_SECONDS


def test_whose_turn_comes_within_moments_is_claimed_although_nothing_was_to_be_had_a_moment_ago() -> None:
    clock = Clock()
    gate = Gate(clock)
    gate._slots.call_seconds = 2.0
    admitted(gate, {0})
    gate.enter(wish(takes_back=True), SOON)
    grant(gate, gate.ask(), {0}, 0)
    assert gate.ask().looks_first
    assert gate._next_look() == clock.time + gates.LOOK_RARELY_SECONDS
    clock.time += 2.0 - slots.AHEAD_SECONDS / 2
    assert gate.ahead(1) == 1
    assert gate._next_look() < clock.time
    assert not gate.ask().looks_first


def test_a_slot_that_is_kept_serves_the_next_call_without_asking_for_it() -> None:
    gate = Gate()
    gate.share_slots(4, 1)
    admitted(gate, {0})
    assert gate.dismiss(0) == []
    assert gate.share_slots(4, 1) == []
    again = gate.enter(wish(), SOON)
    assert gate.await_turn(again)
    ask = gate.ask()
    assert (ask.owed, ask.looks_first) == (0, False)
    grant(gate, ask, {0}, 1)
    assert gate.dismiss(0) == []
    assert gate.share_slots(4, 1) == []  # it was used in between


def test_a_failure_is_told_to_each_that_was_asked_for_alone() -> None:
    gate = Gate()
    first, second = (gate.enter(wish(), SOON) for _ in range(2))
    gate.fail(gate.ask(), ValueError("both"))
    assert (first.error, second.error) == (None, None)
    for ticket in (first, second):
        ask = gate.ask()
        assert ask.tickets == [ticket]
        gate.fail(ask, ValueError("alone"))
        assert isinstance(ticket.error, ValueError)
    third = gate.enter(wish(), SOON)
    assert gate.ask().tickets == [third]


def test_nothing_is_claimed_for_a_call_that_would_be_refused_for_speed() -> None:
    clock = Clock()
    gate = Gate(clock)
    gate.enter(wish(takes_back=True), SOON)
    gate.silence(2.0)
    assert gate._next_look() == clock.time + 2.0
    clock.time += 2.0
    assert gate._next_look() <= clock.time
