"""A process's slots: how far ahead calls are claimed, and what is given back to others."""

import pytest

from pipeline.slots import NOVELTY, Slots


@pytest.mark.parametrize(
    ("call_seconds", "slots", "expected"),
    [(0.3, 1, 1), (0.3, 8, 4), (1.5, 64, 17), (1.5, 1, 0), (30, 64, 0), (0, 8, 0)],
)
def test_as_many_are_claimed_ahead_as_come_to_their_turn_within_moments(
    call_seconds: float, slots: int, expected: int
) -> None:
    assert Slots(call_seconds=call_seconds).ahead(slots, 10.0) == expected


def test_calls_that_began_together_are_followed_together() -> None:
    slots = Slots(frozenset(range(64)), call_seconds=1.5)
    for number in range(64):
        slots.use(number, 10.0)
    told = {now: slots.ahead(64, now) for now in (11.0, 11.11, 11.89, 12.0)}
    assert told == {11.0: 17, 11.11: 64, 11.89: 64, 12.0: 17}
    assert slots.more_ahead_at(11.0) == pytest.approx(11.1)
    assert slots.more_ahead_at(11.2) == float("inf")


def test_of_short_calls_no_more_than_half_the_slots_are_claimed_ahead() -> None:
    slots = Slots(frozenset(range(8)), call_seconds=0.3)
    for number in range(8):
        slots.use(number, 10.0)
    assert slots.ahead(8, 10.2) == 4


def test_what_calls_take_is_learnt_from_the_last_few() -> None:
    slots = Slots(frozenset({0}))
    for seconds in (1.0, 2.0):
        slots.use(0, 10.0)
        slots.end(0, 10.0 + seconds)
    assert slots.call_seconds == 1.0 + NOVELTY


def test_a_slot_the_rows_give_to_somebody_else_is_given_back_when_its_call_ends() -> None:
    slots = Slots(frozenset({0, 1}))
    slots.use(1, 0.0)
    slots.tell(frozenset({0}))  # one call less is allowed now
    assert slots.idle == [0]
    slots.end(1, 1.0)
    assert slots.give_back(slots.lost(1)) == [1]
    assert slots.lost(0) == frozenset()


def test_what_was_given_back_while_the_rows_were_read_is_not_ours() -> None:
    slots = Slots(frozenset({0, 1}))
    assert slots.give_back(frozenset({1})) == [1]
    slots.tell(frozenset({0, 1}))
    assert slots.mine == {0}
    slots.freed(1, is_read=True)
    slots.tell(frozenset({0, 1}))
    assert slots.mine == {0}
    slots.tell(frozenset({0, 1}))
    assert slots.mine == {0, 1}


def test_a_slot_that_may_have_been_taken_anew_while_it_was_given_back_is_given_back_again() -> None:
    slots = Slots(frozenset({0, 1}))
    slots.give_back(frozenset({0, 1}))
    for slot in (0, 1):
        slots.freed(slot, is_read=True)
    slots.tell(frozenset({1}))  # read before it was given back, or taken once more after it: its row alone knows
    assert slots.mine == frozenset()
    assert slots.divide(2, 2, wanted=False) == [1]
    slots.freed(1, is_read=False)
    assert slots.divide(2, 2, wanted=False) == []
