"""Measures a voice with numpy alone: pitch track, spectral envelope, bandwidth."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.resampling import resample
from pipeline.sandbox.voice.profile import ENVELOPE_BANDS, Measurements, rounded

Floats = NDArray[np.floating]

ANALYSED_SECONDS = 40
"""The median pitch and the mean envelope are settled long before."""

FALLBACK_F0_HZ = 150.0
"""Stands in for the pitch of a recording in which no frame is voiced (a whisper)."""

ENVELOPE_RATE = 24_000
_ENVELOPE_WINDOW = 1024
_ENVELOPE_HOP = 240
_BAND_EDGES = np.geomspace(120, 11_000, ENVELOPE_BANDS + 1)
BAND_CENTRES = np.sqrt(_BAND_EDGES[1:] * _BAND_EDGES[:-1])

_F0_RATE = 8_000
_F0_WINDOW = 400
_F0_HOP = 80
_LAGS = np.arange(15, 146)
"""Candidate periods in samples at 8 kHz: 533 Hz down to 55 Hz."""

_OCTAVE = 12
_LEAST_PERIODICITY = 0.55
_LEAST_NEIGHBOURS = 4
_LARGEST_JUMP = 0.45
"""Octaves between a frame and the median of its 170 ms: more is the tracker's mistake, not the voice's."""


def measure(pcm: NDArray[np.float32], rate: int) -> Measurements:
    """Measure the first 40 seconds of mono speech."""
    pcm = np.asarray(pcm[: ANALYSED_SECONDS * rate], dtype=np.float32)
    track = pitch_track(pcm, rate)
    voiced = track[track > 0]
    semitones = 12 * np.log2(voiced) if len(voiced) else np.array([12 * np.log2(FALLBACK_F0_HZ)])
    median = float(np.median(semitones))
    near = semitones[np.abs(semitones - median) < _OCTAVE]
    envelope, bandwidth = spectral_envelope(pcm, rate)
    return Measurements(
        f0_hz=round(2 ** (median / 12), 2),
        f0_spread=round(float(near.std()), 2),
        voiced=round(len(voiced) / max(1, len(track)), 3),
        bandwidth_hz=round(bandwidth),
        envelope=rounded(envelope, 2),
    )


def pitch_track(pcm: NDArray[np.float32], rate: int) -> Floats:
    """Return the pitch every 10 ms in Hz, 0 where unvoiced, by normalised autocorrelation below 900 Hz."""
    signal = resample(pcm, rate, _F0_RATE)
    if len(signal) < _F0_WINDOW:
        return np.zeros(0)
    frames = _frames(_below_900_hz(signal), _F0_WINDOW, _F0_HOP)
    frames = frames - frames.mean(axis=1, keepdims=True)
    periodicity = _periodicity(frames)
    peak, strength = _best_lag(periodicity)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    voiced = (strength > _LEAST_PERIODICITY) & (level_db > np.percentile(level_db, 95) - 30)
    return _without_octave_jumps(np.where(voiced, _F0_RATE / peak, 0.0))


def spectral_envelope(pcm: NDArray[np.float32], rate: int) -> tuple[Floats, float]:
    """Return the mean log power in 60 bands over the loud frames, and the bandwidth in Hz."""
    signal = resample(pcm, rate, ENVELOPE_RATE)
    signal = np.pad(signal, (0, max(0, _ENVELOPE_WINDOW - len(signal))))
    frames = _frames(signal, _ENVELOPE_WINDOW, _ENVELOPE_HOP) * np.hanning(_ENVELOPE_WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    level_db = 10 * np.log10(power.sum(axis=1) + 1e-9)
    power = power[level_db > np.percentile(level_db, 95) - 20]
    frequencies = np.linspace(0, ENVELOPE_RATE / 2, _ENVELOPE_WINDOW // 2 + 1)
    envelope = np.log(power @ _band_filters(frequencies).T + 1e-9).mean(axis=0)
    mean = power.mean(axis=0)
    cumulative = np.cumsum(mean) / max(float(mean.sum()), 1e-12)
    edge = min(int(np.searchsorted(cumulative, 0.9995)), len(frequencies) - 1)
    return envelope, float(frequencies[edge])


def _frames(signal: NDArray[np.float32], length: int, hop: int) -> NDArray[np.float32]:
    return sliding_window_view(signal, length)[::hop]


def _band_filters(frequencies: Floats) -> Floats:
    # Triangles at least 140 Hz wide to either side, so that single harmonics do not show.
    half_width = np.maximum(BAND_CENTRES * 0.12, 140.0)[:, None]
    filters = np.maximum(0, 1 - np.abs(frequencies[None] - BAND_CENTRES[:, None]) / half_width)
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def _below_900_hz(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    taps = np.sinc(0.225 * np.arange(-32, 33)) * np.hanning(65)
    return np.convolve(signal, taps / taps.sum(), "same").astype(np.float32)


def _autocorrelation(frames: NDArray[np.float32]) -> Floats:
    return np.fft.irfft(np.abs(np.fft.rfft(frames, 1024, axis=1)) ** 2, axis=1)[:, : _LAGS[-1] + 1]


def _periodicity(frames: NDArray[np.float32]) -> Floats:
    # Divided by the window's own autocorrelation: long periods are not held against a voice. The small
    # slope prefers the shorter of two equally good periods, which is the higher octave.
    window = np.hanning(_F0_WINDOW).astype(np.float32)
    own, of_window = _autocorrelation(frames * window), _autocorrelation(window[None])
    normalised = own / (own[:, :1] + 1e-9) / (of_window / of_window[:, :1])
    return np.asarray(normalised[:, _LAGS] - 0.0002 * _LAGS)


def _best_lag(periodicity: Floats) -> tuple[Floats, Floats]:
    """Return the strongest local peak of each frame (in samples, interpolated) and its height."""
    inner = periodicity[:, 1:-1]
    is_peak = (inner >= periodicity[:, :-2]) & (inner >= periodicity[:, 2:])
    ranked = np.where(is_peak, inner, -9.0)
    index, row = ranked.argmax(axis=1) + 1, np.arange(len(periodicity))
    before, here, after = (periodicity[row, index + step] for step in (-1, 0, 1))
    shift = np.clip(0.5 * (before - after) / (before - 2 * here + after + 1e-9), -0.5, 0.5)
    return _LAGS[index] + shift, np.where(ranked.max(axis=1) > -1, here, 0.0)


def _without_octave_jumps(track: Floats) -> Floats:
    cleaned = track.copy()
    for position in np.flatnonzero(track):
        around = track[max(0, position - 8) : position + 9]
        around = around[around > 0]
        if len(around) < _LEAST_NEIGHBOURS or abs(np.log2(track[position] / np.median(around))) > _LARGEST_JUMP:
            cleaned[position] = 0
    return cleaned
