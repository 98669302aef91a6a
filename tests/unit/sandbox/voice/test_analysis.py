from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import SAMPLE_RATE
from pipeline.sandbox.voice.analysis import FALLBACK_F0_HZ, measure

Hum = Callable[..., NDArray[np.float32]]


@pytest.mark.parametrize("f0_hz", [70, 110, 180, 260, 400])
@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_the_pitch_of_a_buzz_is_found_within_one_percent(hum: Hum, f0_hz: int, rate: int) -> None:
    found = measure(hum(f0_hz, rate=rate), rate)
    assert found.f0_hz == pytest.approx(f0_hz, rel=0.01)
    assert found.voiced > 0.9


def test_noise_has_no_pitch_and_falls_back() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    found = measure(noise, SAMPLE_RATE)
    assert found.voiced < 0.05
    assert found.f0_hz == pytest.approx(FALLBACK_F0_HZ, rel=0.01) or found.voiced > 0


def test_a_narrow_recording_shows_its_bandwidth(hum: Hum) -> None:
    assert measure(hum(200), SAMPLE_RATE).bandwidth_hz < 4_500
