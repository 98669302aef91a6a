from dataclasses import replace

import numpy as np
import pytest

from pipeline.quality import CheckName, Result, checks
from pipeline.quality.alignment import AlignedWord
from pipeline.quality.limits import Limits
from pipeline.quality.script import Script
from pipeline.quality.sound import Sound, measure

RATE = 16_000
LIMITS = Limits()
LINE = Script.of("Keep the lantern low and wait until the tide has turned.", "en")


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    """Return noise that swells and fades, as speech does."""
    samples = np.random.default_rng(5).standard_normal(int(seconds * RATE)).astype(np.float32)
    swell = np.abs(np.sin(np.arange(len(samples)) / RATE * 2 * np.pi)).astype(np.float32)
    return (samples * level * swell)[None, :]


def silence(seconds: float) -> np.ndarray:
    return np.zeros((1, int(seconds * RATE)), np.float32)


def sounding(*parts: np.ndarray) -> Sound:
    return measure(np.concatenate(parts, axis=1), RATE)


def failed(sound: Sound) -> set[CheckName]:
    return {check.name for check in checks.of_sound(sound, LINE, LIMITS) if check.result is Result.FAILED}


def test_ordinary_sound_passes() -> None:
    assert failed(sounding(noise(3), silence(0.1))) == set()


def test_silence_of_any_length_fails() -> None:
    assert {CheckName.SILENCE, CheckName.LEVEL} <= failed(sounding(noise(3, 1e-4)))


@pytest.mark.parametrize(
    "parts",
    [(silence(1.2), noise(3), silence(0.1)), (noise(3), silence(2)), (noise(2), silence(2.5), noise(2), silence(0.1))],
)
def test_a_hole_before_within_or_after_the_words_fails(parts: tuple[np.ndarray, ...]) -> None:
    assert failed(sounding(*parts)) == {CheckName.GAPS}


def test_a_pause_that_was_asked_for_is_no_hole() -> None:
    sound = sounding(noise(2), silence(2.5), noise(2), silence(0.1))
    asked = replace(LINE, pauses=(2.0,))
    assert all(check.result is Result.PASSED for check in checks.of_sound(sound, asked, LIMITS))


def test_a_short_line_with_a_long_pause_that_was_asked_for_is_not_silent() -> None:
    sound = sounding(noise(1), silence(8), noise(1), silence(0.1))
    assert all(check.result is Result.PASSED for check in checks.of_sound(sound, replace(LINE, pauses=(8.0,)), LIMITS))
    assert failed(sound) == {CheckName.SILENCE, CheckName.GAPS}


def test_how_loud_a_bark_is_does_not_depend_on_the_pause_that_was_asked_for_in_it() -> None:
    samples = np.concatenate((noise(0.5), silence(20), noise(0.5), silence(0.1)), axis=1)
    asked = replace(LINE, pauses=(20.0,))

    def wrong(sound: Sound) -> set[CheckName]:
        return {check.name for check in checks.of_sound(sound, asked, LIMITS) if check.result is Result.FAILED}

    assert wrong(measure(samples, RATE, 20.0)) == set()
    assert wrong(measure(samples, RATE)) == {CheckName.ENDING}


def test_an_asked_pause_is_no_leave_to_begin_late() -> None:
    sound = sounding(silence(2), noise(2), silence(4), noise(2), silence(0.1))
    (gaps,) = (check for check in checks.of_sound(sound, replace(LINE, pauses=(4.0,)), LIMITS) if check.value == 2.0)
    assert gaps.reason == "it begins with 2.0 s of silence"


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_clipped_sound_fails_even_when_it_was_turned_down_afterwards(gain: float) -> None:
    clipped = np.clip(noise(3) * 20, -1, 1).astype(np.float32) * np.float32(gain)
    assert CheckName.CLIPPING in failed(sounding(clipped, silence(0.1)))


def test_sound_that_stops_in_its_middle_fails() -> None:
    assert failed(sounding(noise(3.25))) == {CheckName.ENDING}


@pytest.mark.parametrize(("seconds", "result"), [(1.0, "failed"), (3.0, "passed"), (9.0, "passed"), (40.0, "failed")])
def test_a_take_has_to_last_as_long_as_its_text(seconds: float, result: str) -> None:
    assert checks.length(seconds, LINE, 1.0, LIMITS).result == result


def words(*misfits: float, phones: float = 40.0) -> list[AlignedWord]:
    return [AlignedWord(f"w{n}", n, n + 1, misfit, (phones,) * 3) for n, misfit in enumerate(misfits)]


def test_words_that_fit_pass_and_others_are_named() -> None:
    assert checks.words(words(40, 50, 60), LIMITS).result is Result.PASSED
    missing = checks.words(words(40, 30, 160, 40, 40, 40, 40), LIMITS)
    assert (missing.result, missing.reason) == (Result.FAILED, "at 2.0 s 'w2' is missing or badly said")


@pytest.mark.parametrize("aligned", [[], words(90, 80, 85), words(50, 50, 50, 50, 50, phones=120)])
def test_another_text_fails(aligned: list[AlignedWord]) -> None:
    assert checks.words(aligned, LIMITS).result is Result.FAILED


def test_sound_beside_the_words_fails() -> None:
    sound = sounding(noise(3), silence(0.1))
    assert checks.extra_speech([AlignedWord("all", 0, 3, 40)], sound, LIMITS).result is Result.PASSED
    assert checks.extra_speech([AlignedWord("half", 0, 1.5, 40)], sound, LIMITS).result is Result.FAILED


def test_a_recogniser_may_mishear_one_word_of_a_short_line() -> None:
    assert checks.transcript(("get", "down"), ("get", "town"), LIMITS).result is Result.PASSED
    assert checks.transcript(("get", "down", "now"), ("the", "town", "now"), LIMITS).result is Result.FAILED
