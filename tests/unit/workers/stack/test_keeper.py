from workers.stack.keeper import Backoff


def test_the_first_restart_is_immediate_and_the_next_wait_longer_up_to_five_seconds() -> None:
    backoff = Backoff()
    pauses = [backoff.after(0) for _ in range(8)]
    assert pauses == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


def test_half_a_minute_of_health_makes_the_next_restart_immediate_again() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(29.9)
    assert backoff.after(30.0) == 0
    assert backoff.after(0) == 0.2


def test_a_part_that_dies_for_days_does_not_overflow() -> None:
    backoff = Backoff()
    assert [backoff.after(0) for _ in range(5_000)][-1] == 5
