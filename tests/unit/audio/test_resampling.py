import numpy as np
import pytest

from pipeline.audio.resampling import resample


@pytest.mark.parametrize("source", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("target", [8_000, 16_000, 24_000])
def test_a_tone_keeps_its_pitch_level_and_length(source: int, target: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(source) / source).astype(np.float32)
    converted = resample(tone, source, target)
    assert len(converted) == target
    expected = np.sin(2 * np.pi * 440 * np.arange(target) / target)
    middle = slice(target // 10, -target // 10)
    assert np.abs(converted[middle] - expected[middle]).max() < 0.01


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    tone = np.sin(2 * np.pi * 6_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(resample(tone, 48_000, 8_000)[800:-800]).max() < 0.01


def test_nothing_stays_nothing() -> None:
    assert len(resample(np.zeros(0, np.float32), 48_000, 8_000)) == 0
