import numpy as np
import pytest

from pipeline.audio.pitch import TRACKED_A_SECOND, pitch_track

RATE = 16_000


def buzz(f0_hz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    harmonics = np.arange(1, 9)[:, None]
    waves = np.sin(2 * np.pi * f0_hz * harmonics * time) / harmonics
    return np.asarray(waves.sum(axis=0), np.float32)


@pytest.mark.parametrize("f0_hz", [70, 140, 400])
def test_each_frame_of_a_buzz_has_its_pitch(f0_hz: float) -> None:
    track = pitch_track(buzz(f0_hz), RATE)
    assert len(track) == pytest.approx(TRACKED_A_SECOND, abs=5)
    assert track[5:-5] == pytest.approx(f0_hz, rel=0.01)


def test_what_is_silent_between_has_no_pitch() -> None:
    track = pitch_track(np.concatenate([buzz(200), np.zeros(RATE, np.float32), buzz(200)]), RATE)
    assert not track[110:190].any()
    assert (track[:90] > 0).all()


def test_less_than_a_window_has_no_track() -> None:
    assert len(pitch_track(np.zeros(100, np.float32), RATE)) == 0
