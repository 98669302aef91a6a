"""Signals whose peaks are known; what comes out is judged by the true-peak meter and by its spectrum."""

import numpy as np
import pytest

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown import limiting
from pipeline.audio.mixdown.limiting import Limiter
from pipeline.audio.peaks import TruePeakMeter
from tests.support.recordings import noise, speech_like, tone

CEILING = -1.0
DISTORTION_DB = -90.0


def limited(sound: Samples, ceiling: float = CEILING, piece: int = 48_000) -> tuple[Samples, Limiter]:
    limiter = Limiter(len(sound), ceiling)
    blocks = [limiter.feed(sound[:, at : at + piece]) for at in range(0, sound.shape[1], piece)]
    return np.concatenate([*blocks, limiter.flush()], axis=1), limiter


def true_peak(sound: Samples) -> float:
    meter = TruePeakMeter(48_000, len(sound))
    meter.feed(sound)
    return 20 * float(np.log10(meter.amplitude()))


def as_block(*channels: np.ndarray) -> Samples:
    return np.stack(channels).astype(np.float32)


def between_the_samples() -> Samples:
    """A quarter of the rate, caught 45 degrees off its tops: samples at 0.92, peaks 3 dB above them."""
    return as_block(1.3 * np.sin(np.pi / 2 * np.arange(96_000) + np.pi / 4))


LOUD = {
    "noise": as_block(noise(2, dbfs=-3), noise(2, dbfs=-3, seed=2)),
    "between the samples": between_the_samples(),
    "tone": as_block(2 * tone(2)),
    "low tone": as_block(1.4 * tone(2, hertz=50)),
    "clicks": as_block(np.where(np.arange(96_000) % 9_973 == 0, 3.0, 0.1)),
    "speech": as_block(speech_like(2, dbfs=-10)),
}


@pytest.mark.parametrize("name", LOUD)
def test_no_peak_passes_the_ceiling_not_even_between_the_samples(name: str) -> None:
    sound = LOUD[name]
    assert true_peak(sound) > CEILING
    assert CEILING - 0.3 < true_peak(limited(sound)[0]) <= CEILING


def test_control_a_limiter_that_sees_samples_alone_lets_peaks_between_them_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "oversampling", lambda _rate: 1)
    assert true_peak(limited(between_the_samples())[0]) > CEILING + 2


def test_what_stays_below_the_ceiling_comes_out_bit_for_bit() -> None:
    sound = as_block(noise(2, dbfs=-20), speech_like(2, dbfs=-24))
    out, limiter = limited(sound)
    assert np.array_equal(out, sound)
    assert limiter.most_db == 0


def test_far_from_a_peak_nothing_is_changed() -> None:
    sound = as_block(tone(4, dbfs=-12))
    sound[:, 96_000:96_100] *= 6
    out, limiter = limited(sound)
    assert np.array_equal(out[:, :95_000], sound[:, :95_000])
    assert np.array_equal(out[:, 144_000:], sound[:, 144_000:])
    assert limiter.most_db == pytest.approx(4.6, abs=0.2)


@pytest.mark.parametrize("hertz", [40, 50, 100, 1000, 5000])
def test_a_tone_comes_out_as_the_same_tone_and_nothing_else(hertz: int) -> None:
    out, _ = limited(as_block(1.6 * tone(3, hertz=hertz)))
    assert distortion_db(out[0, 48_000:96_000]) < DISTORTION_DB


def test_control_a_gain_that_is_not_held_bends_a_low_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "_REACH", 2 * limiting._AHEAD)
    monkeypatch.setattr(limiting, "_RELEASE", 1.0)
    out, _ = limited(as_block(1.6 * tone(3, hertz=40)))
    assert distortion_db(out[0, 48_000:96_000]) > DISTORTION_DB + 30


def distortion_db(sound: np.ndarray) -> float:
    """The strongest line of the spectrum beside the tone, against the tone."""
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    top = int(spectrum.argmax())
    highest = spectrum[top]
    spectrum[max(0, top - 4) : top + 5] = 0
    return 20 * float(np.log10(spectrum.max() / highest))


@pytest.mark.parametrize("piece", [500, 1001, 48_000, 96_000])
def test_the_size_of_the_pieces_makes_no_difference(piece: int) -> None:
    sound = LOUD["noise"]
    assert np.array_equal(limited(sound, piece=piece)[0], limited(sound)[0])


@pytest.mark.parametrize("samples", [1, 15, 700, 1024, 48_001])
def test_as_much_comes_out_as_went_in(samples: int) -> None:
    sound = np.ones((2, samples), dtype=np.float32)
    assert limited(sound)[0].shape == (2, samples)


def test_hard_work_is_counted() -> None:
    assert limited(as_block(4 * tone(1)))[1].hard_share > 0.9
    assert limited(as_block(1.1 * tone(1)))[1].hard_share == 0
