"""Whose voice a take is in: how alike it is to the voice's takes, and where it lies in pitch."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.quality import CheckName, Pitch, Result, Voiceprint, same_voice
from pipeline.quality.limits import Limits
from pipeline.quality.pitch import pitch_of
from pipeline.quality.verdict import Check

LIMITS = Limits()
RATE = 16_000
LENGTHS = ((1.6, 1.6), (1.6, 10.0), (10.0, 1.6), (10.0, 10.0))


def pitch(middle: float = 80.0, *, seconds: float = 2.0, low: float = -2.0, high: float = 2.0) -> Pitch:
    return Pitch(middle + low, middle, middle + high, seconds)


def prints(*middles: float) -> list[Voiceprint]:
    """Return takes of one voice with these pitches."""
    return [Voiceprint((1.0, 0.1 * n, 0.0), pitch(middle)) for n, middle in enumerate(middles)]


EVEN = prints(80.0, 80.2, 79.8, 80.1, 79.9, 80.0)
LIVELY = prints(80.0, 84.0, 77.0, 82.0, 76.0, 83.0)
ONE = prints(80.0)


def told(take: Pitch, known: list[Voiceprint], limits: Limits = LIMITS, *, exclaimed: bool = False) -> Check:
    compared = same_voice.pitch(take, known, limits, exclaimed=exclaimed)
    assert compared is not None
    return compared.check


def alike(take: Voiceprint, known: list[Voiceprint]) -> Check:
    compared = same_voice.likeness(take, known, LIMITS)
    assert compared is not None
    return compared.check


def least(take: Voiceprint, known: list[Voiceprint]) -> float:
    """Return how like its voice a take has to be."""
    lowest = alike(take, known).lowest
    assert lowest is not None
    return lowest


def embedded(cosine: float, seconds: float = 5.0, at: Pitch | None = None) -> Voiceprint:
    """Return a take that is as near as this to those of `prints`, which lie about one line."""
    return Voiceprint((cosine, 0.0, (1 - cosine**2) ** 0.5), at, seconds)


def test_the_longer_the_takes_the_more_alike_they_have_to_be() -> None:
    lowest = [least(embedded(0.9, seconds), [embedded(1.0, known)]) for seconds, known in LENGTHS]
    assert lowest == pytest.approx([0.69, 0.77, 0.77, 0.84], abs=0.01)


def test_the_more_takes_are_known_the_nearer_to_them_a_take_has_to_be() -> None:
    take, known = embedded(0.8, 2.0), [embedded(1.0, 2.0)]
    assert alike(take, known).result is Result.PASSED
    assert alike(take, known * 3).result is Result.FAILED


def test_a_voice_whose_takes_differ_is_given_more_room_and_a_stranger_among_them_does_not_open_the_door() -> None:
    differing = [embedded(cosine) for cosine in (1.0, 0.85, 1.0, 0.85)]
    assert least(embedded(0.99), [embedded(1.0)] * 4) > least(embedded(0.99), differing)
    strange = [embedded(cosine) for cosine in (1.0, 0.0, 1.0, 0.0)]
    assert least(embedded(0.99), strange) > 0.7


def test_a_take_in_the_pitch_of_its_voice_passes() -> None:
    assert told(pitch(81.0), EVEN).result is Result.PASSED


@pytest.mark.parametrize(("semitones", "side"), [(-7.0, "lower"), (7.0, "higher")])
def test_a_take_that_lies_apart_in_pitch_is_another_voice_and_the_reason_says_how_far(
    semitones: float, side: str
) -> None:
    check = told(pitch(80.0 + semitones), EVEN)
    assert (check.name, check.result, check.value) == (CheckName.VOICE, Result.FAILED, semitones)
    assert check.reason == f"it speaks 7.0 semitones {side} than this voice's takes (at most {check.highest:.1f})"


def test_without_the_limit_of_pitch_it_would_pass() -> None:
    assert told(pitch(73.0), EVEN, replace(LIMITS, pitch_semitones=12.0)).result is Result.PASSED


def test_a_voice_that_moves_in_pitch_is_given_more_room_than_one_that_does_not() -> None:
    assert told(pitch(84.0), EVEN).result is Result.FAILED
    assert told(pitch(84.0), LIVELY).result is Result.PASSED
    assert told(pitch(84.0), LIVELY, replace(LIMITS, pitch_spreads=0.2)).result is Result.FAILED


def test_the_fewer_takes_are_known_the_more_room_there_is() -> None:
    assert told(pitch(85.0), ONE).result is Result.PASSED
    assert told(pitch(85.0), EVEN[:4]).result is Result.FAILED
    assert told(pitch(92.0), ONE).result is Result.FAILED  # a woman in place of a man


def test_the_shorter_a_take_is_the_more_room_it_has() -> None:
    assert told(pitch(82.2), EVEN).result is Result.FAILED
    assert told(pitch(82.2, seconds=0.3), EVEN).result is Result.PASSED


def test_what_is_called_out_may_lie_higher_and_not_lower() -> None:
    assert told(pitch(82.2), EVEN).result is Result.FAILED
    assert told(pitch(82.2), EVEN, exclaimed=True).result is Result.PASSED
    assert told(pitch(77.8), EVEN, exclaimed=True).result is Result.FAILED


def test_a_call_that_only_falls_further_is_no_other_voice() -> None:
    assert told(pitch(76.0, low=-6.0, high=5.0), EVEN).result is Result.PASSED
    assert told(pitch(76.0), EVEN).result is Result.FAILED


@pytest.mark.parametrize(("take", "known"), [(None, EVEN), (pitch(), []), (pitch(), [Voiceprint((1.0, 0.0, 0.0))])])
def test_nothing_is_said_of_pitch_where_there_is_nothing_to_compare(
    take: Pitch | None, known: list[Voiceprint]
) -> None:
    assert same_voice.pitch(take, known, LIMITS, exclaimed=False) is None


def heard(take: Voiceprint, known: list[Voiceprint] = EVEN, limits: Limits = LIMITS) -> Check:
    return same_voice.voice(take, known, limits, exclaimed=False)


def test_likeness_and_pitch_have_to_be_those_of_the_voice() -> None:
    like, unlike = embedded(0.99), embedded(0.5)
    assert heard(like).result is heard(replace(like, pitch=pitch(80.0))).result is Result.PASSED
    assert heard(replace(like, pitch=pitch(87.0))).reason.startswith("it speaks 7.0 semitones higher")
    assert heard(replace(unlike, pitch=pitch(80.0))).reason.startswith("it sounds like another voice (likeness 0.")
    both = heard(replace(unlike, pitch=pitch(87.0)))
    assert both.result is Result.FAILED
    assert both.reason == f"{heard(unlike).reason}; {heard(replace(like, pitch=pitch(87.0))).reason}"


def test_a_take_that_is_a_little_off_in_both_is_in_another_voice_and_one_that_is_in_either_is_not() -> None:
    known, unlike = [embedded(1.0)], embedded(0.86)
    assert heard(unlike, known).result is Result.PASSED
    known = [replace(known[0], pitch=pitch(80.0))]
    off = pitch(84.5)
    assert heard(replace(unlike, pitch=pitch(80.5)), known).result is Result.PASSED
    assert heard(embedded(0.95, at=off), known).result is Result.PASSED
    both = heard(replace(unlike, pitch=off), known)
    assert (both.result, both.unit, both.highest) == (Result.FAILED, "of the room in likeness and pitch", 1.0)
    assert both.reason == (
        "it sounds like another voice (likeness 0.86, at least 0.81) and speaks 4.5 semitones higher than this "
        "voice's takes (at most 7.3): either may be, both are too much"
    )


def test_a_voice_of_which_nothing_is_known_is_not_checked() -> None:
    assert heard(embedded(0.9), []).reason == "no earlier take of the voice is known"


def test_a_short_take_can_be_refused_for_its_pitch_and_not_passed_for_it() -> None:
    refused, fits, unheard = (heard(Voiceprint((), take, 0.7)) for take in (pitch(90.0), pitch(), None))
    assert (refused.result, fits.result, unheard.result) == (Result.FAILED, Result.NOT_CHECKED, Result.NOT_CHECKED)
    assert fits.reason == "0.7 s of speech are too little to tell the right voice, and nothing in them tells another"
    assert unheard.reason == "0.7 s of speech are too little to tell a voice"


def test_a_take_of_half_a_window_can_be_refused_for_its_likeness_and_needs_less_of_it() -> None:
    known = [embedded(1.0)]
    stranger, near, long = embedded(0.5, 1.2), embedded(0.7, 1.2), embedded(0.7, 1.7)
    results = [heard(take, known).result for take in (stranger, near, long)]
    assert results == [Result.FAILED, Result.NOT_CHECKED, Result.FAILED]
    deaf = replace(LIMITS, short_likeness_margin=1.0)
    assert heard(stranger, known, deaf).result is Result.NOT_CHECKED


def glide(low_hz: float, high_hz: float, seconds: float) -> np.ndarray:
    """Return a buzz that rises evenly in semitones."""
    hz = np.geomspace(low_hz, high_hz, int(seconds * RATE))
    harmonics = np.arange(1, 9)[:, None]
    waves = np.sin(2 * np.pi * harmonics * np.cumsum(hz) / RATE) / harmonics
    return np.asarray(waves.sum(axis=0), np.float32)


def test_the_pitch_of_a_take_is_told_by_its_quartiles() -> None:
    found = pitch_of(glide(110.0, 220.0, 2.0), RATE)
    assert found is not None
    semitones = 12 * np.log2(110.0) + np.array([3.0, 6.0, 9.0])
    assert (found.low, found.middle, found.high) == pytest.approx(tuple(semitones), abs=0.3)
    assert found.seconds == pytest.approx(2.0, abs=0.1)


def test_a_whisper_and_a_click_have_no_pitch() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 2 * RATE).astype(np.float32)
    assert pitch_of(noise, RATE) is None
    assert pitch_of(glide(200.0, 200.0, 0.2), RATE) is None
