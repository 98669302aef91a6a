import numpy as np
import pytest

from pipeline.audio.activity import decibels
from pipeline.audio.peaks import ClipCounter, TruePeakMeter, oversampling
from tests.support.recordings import Sound, noise, silence, speech_like, tone


def true_peak(sound: Sound, rate: int = 48_000, piece: int = 5000) -> float:
    samples = np.atleast_2d(sound)
    meter = TruePeakMeter(rate, len(samples))
    for at in range(0, samples.shape[1], piece):
        meter.feed(samples[:, at : at + piece])
    return decibels(meter.amplitude() ** 2)


def clipped(sound: Sound, piece: int = 1000, *, floating: bool = False) -> int:
    samples = np.atleast_2d(sound)
    counter = ClipCounter(len(samples), floating=floating)
    for at in range(0, samples.shape[1], piece):
        counter.feed(samples[:, at : at + piece])
    return counter.clipped


@pytest.mark.parametrize("phase", [0, 45, 60])
def test_a_quarter_rate_sine_reads_its_peak_however_the_samples_fall(phase: int) -> None:
    """EBU Tech 3341, cases 15 to 17: -6 dBTP, tolerance +0.2 / -0.4 dB; the samples alone read up to 3 dB less."""
    sine = tone(2, hertz=12_000, dbfs=-6, phase=np.radians(phase))
    assert -6.4 <= true_peak(sine) <= -5.8


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000, 192_000])
def test_a_low_sine_reads_its_peak_at_every_rate(rate: int) -> None:
    assert true_peak(tone(1, rate, hertz=997, dbfs=-3), rate) == pytest.approx(-3.0, abs=0.05)


def test_an_impulse_is_found_anywhere_and_the_louder_channel_counts() -> None:
    for at in (0, 100, 1023, 1024, 47_999):
        sound = np.zeros((2, 48_000), np.float32)
        sound[1, at] = -0.5
        assert true_peak(sound) == pytest.approx(-6.02, abs=0.1)


def test_silence_has_no_peak() -> None:
    assert true_peak(silence(1)) == -120


def test_skipping_quiet_blocks_loses_no_peak_of_speech() -> None:
    speech = speech_like(6) + noise(6, dbfs=-45)
    spectrum = np.fft.rfft(speech.astype(np.float64))
    fine = np.fft.irfft(spectrum, n=4 * len(speech)) * 4
    assert true_peak(speech) == pytest.approx(decibels(float(np.abs(fine).max()) ** 2), abs=0.1)


def test_oversampling_reaches_192_khz_as_the_standard_asks() -> None:
    assert [oversampling(rate) * rate >= 176_400 for rate in (44_100, 48_000, 96_000, 192_000)] == [True] * 4


def test_runs_at_full_scale_are_counted_across_the_edges_of_pieces() -> None:
    sound = np.zeros(3000, np.float32)
    sound[998:1003] = 1.0
    sound[2000:2003] = -1.0
    for piece in (1, 7, 1000, 1001, 3000):
        assert clipped(sound, piece) == 8


def test_one_or_two_samples_at_full_scale_are_no_clipping() -> None:
    sound = np.zeros(100, np.float32)
    sound[[10, 11, 20, 30, 31]] = 1.0
    assert clipped(sound) == 0


def test_a_clean_full_scale_sine_is_not_clipped() -> None:
    assert clipped(tone(2, hertz=440) * np.float32(32767 / 32768)) == 0


def test_a_driven_signal_is_clipped_in_each_channel() -> None:
    driven = np.clip(4 * tone(1, hertz=997), -1, 1)
    share = clipped(np.stack([driven, silence(1)])) / 48_000
    assert share == pytest.approx(0.84, abs=0.02)


def test_floating_point_sound_may_pass_full_scale_but_not_stay_at_it() -> None:
    assert clipped(2 * tone(1, hertz=440), floating=True) == 0
    assert clipped(np.clip(2 * tone(1, hertz=440), -1, 1), floating=True) > 10_000
