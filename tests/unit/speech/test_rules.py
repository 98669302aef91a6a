import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import Delivery
from pipeline.speech.rules import (
    BACKOFF_CAP_SECONDS,
    MAX_CLAIMS,
    MAX_PAID_ATTEMPTS,
    Sound,
    TakeState,
    backoff_seconds,
    extension,
    object_key,
    part_key,
    verdict,
    waste_cap,
)

SOUND = Sound("stage", "hd", "clone:1", "Halt!", "mp3", Delivery(speed=1.0))


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "other"},
        {"model": "fast"},
        {"voice_key": "clone:2"},
        {"text": "Halt"},
        {"format": "wav"},
        {"delivery": Delivery(speed=1.1)},
        {"delivery": Delivery()},
        {"delivery": Delivery(speed=1.0, pitch=-1)},
        {"delivery": Delivery(speed=1.0, volume=1.0)},
        {"delivery": Delivery(speed=1.0, emotion="calm")},
    ],
)
def test_whatever_shapes_the_sound_changes_the_fingerprint(change: dict[str, object]) -> None:
    assert SOUND._replace(**change).fingerprint() != SOUND.fingerprint()  # type: ignore[arg-type] # its fields


def test_equal_sounds_share_a_fingerprint_for_good() -> None:
    # The audio lies under it: a change here makes every take ever paid for be paid for again.
    assert SOUND.fingerprint() == "fc52c8553a7d2e9814bc87167c1840c0fe4af56325bd81fa939edd37360b63c3"
    assert SOUND._replace().fingerprint() == SOUND.fingerprint()


@given(st.text(), st.text())
def test_no_two_texts_are_taken_for_each_other(one: str, other: str) -> None:
    prints = {SOUND._replace(text=one).fingerprint(), SOUND._replace(text=other).fingerprint()}
    assert len(prints) == len({one, other})


@pytest.mark.parametrize(
    ("audio_format", "expected"),
    [
        ("mp3", "mp3"),
        ("mp3_44100_128", "mp3"),
        ("wav", "wav"),
        ("pcm_24000", "pcm"),
        ("ulaw_8000", "ulaw"),
        ("x", "bin"),
    ],
)
def test_the_extension_is_that_of_the_format(audio_format: str, expected: str) -> None:
    assert extension(audio_format) == expected


def test_equal_takes_of_two_accounts_lie_apart() -> None:
    assert object_key("acct_1", "ab12", "mp3") == "speech/acct_1/ab/ab12.mp3"
    assert object_key("acct_1", "ab12", "mp3") != object_key("acct_2", "ab12", "mp3")


def test_the_parts_lie_beside_the_whole() -> None:
    assert part_key("acct_1", "ab12", "mp3", 0) == "speech/acct_1/ab/ab12.part0.mp3"


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_retry_is_put_off_within_its_bound(tries: int, chance: float) -> None:
    assert 0 <= backoff_seconds(tries, chance) <= min(BACKOFF_CAP_SECONDS, 0.5 * 2 ** min(tries, 10))


def test_later_retries_are_put_off_longer() -> None:
    assert [backoff_seconds(tries, 1.0) for tries in (0, 1, 2, 7, 50)] == [0.5, 1, 2, 60, 60]


def test_what_the_provider_asks_for_is_waited_for() -> None:
    assert verdict("rate_limited", paid=0, claims=1, retry_after=30, chance=0).delay_seconds == 30
    assert verdict("rate_limited", paid=0, claims=9, retry_after=1, chance=1).delay_seconds == 60


@pytest.mark.parametrize(
    ("paid", "state"), [(0, TakeState.READY), (MAX_PAID_ATTEMPTS - 2, TakeState.READY), (2, TakeState.FAILED)]
)
def test_the_last_paid_attempt_is_the_last(paid: int, state: TakeState) -> None:
    assert verdict("ambiguous", paid=paid, claims=1, retry_after=None, chance=0).state is state


def test_what_is_wrong_with_the_account_is_never_held_against_the_line() -> None:
    judged = verdict("account_blocked", paid=2, claims=10 * MAX_CLAIMS, retry_after=None, chance=1)
    assert (judged.state, judged.paid, judged.counts) == (TakeState.READY, False, False)


@pytest.mark.parametrize(("lines", "calls"), [(0, 20), (1_000, 20), (1_049, 20), (1_050, 21), (4_000, 80)])
def test_a_run_may_waste_a_few_calls_or_two_per_cent_of_its_lines(lines: int, calls: int) -> None:
    assert waste_cap(lines) == calls


@pytest.mark.parametrize(("claims", "state"), [(MAX_CLAIMS - 1, TakeState.READY), (MAX_CLAIMS, TakeState.FAILED)])
def test_even_what_costs_nothing_ends(claims: int, state: TakeState) -> None:
    assert verdict("not_sent", paid=0, claims=claims, retry_after=None, chance=0).state is state
