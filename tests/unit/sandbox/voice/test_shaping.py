from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import SAMPLE_RATE
from pipeline.sandbox.voice.analysis import measure
from pipeline.sandbox.voice.profile import Measurements
from pipeline.sandbox.voice.shaping import EQUALISER_LIMIT_DB, equalise, level, trim

Hum = Callable[..., NDArray[np.float32]]


def test_silent_ends_are_cut_and_the_middle_stays(hum: Hum) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    trimmed = trim(np.concatenate([silence, hum(150, seconds=1), silence]), SAMPLE_RATE)
    assert len(trimmed) / SAMPLE_RATE == pytest.approx(1.08, abs=0.02)


def test_the_level_is_set_and_peaks_stay_below_full_scale(hum: Hum) -> None:
    quiet = level(0.01 * hum(150))
    assert 20 * np.log10(np.sqrt((quiet**2).mean())) == pytest.approx(-20, abs=0.1)
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[100] = 1
    assert np.abs(level(click)).max() == pytest.approx(0.95)


def test_the_equaliser_brings_a_dull_sound_nearer_to_a_bright_one() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)
    bright, dull = measure(noise, SAMPLE_RATE), np.convolve(noise, [0.5, 0.5], "same").astype(np.float32)
    before = measure(dull, SAMPLE_RATE)
    after = measure(equalise(dull, before, bright), SAMPLE_RATE)

    def slope(found: Measurements) -> float:
        return found.envelope[50] - found.envelope[20]

    assert abs(slope(after) - slope(bright)) < 0.5 * abs(slope(before) - slope(bright))
    assert abs(slope(after) - slope(before)) * 10 / np.log(10) < 2 * EQUALISER_LIMIT_DB
