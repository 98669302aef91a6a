"""Whose voice a take is in: how alike it is to the voice's takes, and where it lies in pitch."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.quality import CheckName, Pitch, Result, Voiceprint, checks
from pipeline.quality.limits import Limits
from pipeline.quality.pitch import pitch_of
from pipeline.quality.verdict import Check

LIMITS = Limits()
RATE = 16_000


def pitch(middle: float = 80.0, *, seconds: float = 2.0, low: float = -2.0, high: float = 2.0) -> Pitch:
    return Pitch(middle + low, middle, middle + high, seconds)


def prints(*middles: float) -> list[Voiceprint]:
    """Return takes of one voice with these pitches."""
    return [Voiceprint((1.0, 0.1 * n, 0.0), pitch(middle)) for n, middle in enumerate(middles)]


EVEN = prints(80.0, 80.2, 79.8, 80.1, 79.9, 80.0)
LIVELY = prints(80.0, 84.0, 77.0, 82.0, 76.0, 83.0)
ONE = prints(80.0)


def told(take: Pitch, known: list[Voiceprint], limits: Limits = LIMITS, *, exclaimed: bool = False) -> Check:
    check = checks.pitch(take, known, limits, exclaimed=exclaimed)
    assert check is not None
    return check


def embedded(cosine: float) -> Voiceprint:
    return Voiceprint((cosine, 0.0, (1 - cosine**2) ** 0.5))


def test_a_take_is_held_to_how_alike_the_takes_of_its_voice_are() -> None:
    alike = [replace(take, pitch=None) for take in EVEN]
    assert checks.likeness(embedded(0.85), alike[:2], 5.0, LIMITS).result is Result.PASSED
    assert checks.likeness(embedded(0.85), alike, 5.0, LIMITS).result is Result.FAILED


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
    assert checks.pitch(take, known, LIMITS, exclaimed=False) is None


def test_likeness_and_pitch_have_to_be_those_of_the_voice() -> None:
    like, unlike = (checks.likeness(embedded(cosine), EVEN, 5.0, LIMITS) for cosine in (0.99, 0.5))
    near, far = told(pitch(80.0), EVEN), told(pitch(87.0), EVEN)
    assert checks.voice(like, near) == checks.voice(like, None) == like
    assert checks.voice(like, far) == far
    assert checks.voice(unlike, near) == unlike
    both = checks.voice(unlike, far)
    assert both.result is Result.FAILED
    assert both.reason == f"{unlike.reason}; {far.reason}"


def test_a_short_take_can_be_refused_for_its_pitch_and_not_passed_for_it() -> None:
    refused, fits, unheard = (
        checks.short_voice(heard, 1.2) for heard in (told(pitch(90.0), EVEN), told(pitch(), EVEN), None)
    )
    assert (refused.result, fits.result, unheard.result) == (Result.FAILED, Result.NOT_CHECKED, Result.NOT_CHECKED)
    assert fits.reason == "1.2 s of speech are too little to tell more of a voice than its pitch, which fits"
    assert unheard.reason == "1.2 s of speech are too little to tell a voice"


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
