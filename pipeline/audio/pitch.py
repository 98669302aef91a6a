"""The pitch of speech over time, by autocorrelation with numpy alone."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.resampling import resample

Floats = NDArray[np.floating]

TRACKED_A_SECOND = 100
"""Frames of a track."""
_F0_RATE = 8_000
_F0_WINDOW = 400
_F0_HOP = _F0_RATE // TRACKED_A_SECOND
_LAGS = np.arange(15, 146)
"""Candidate periods in samples at 8 kHz: 533 Hz down to 55 Hz."""

_LEAST_PERIODICITY = 0.55
_LEAST_NEIGHBOURS = 4
_LARGEST_JUMP = 0.45
"""Octaves between a frame and the median of its 170 ms: more is the tracker's mistake, not the voice's."""


def pitch_track(pcm: NDArray[np.float32], rate: int) -> Floats:
    """Return the pitch every 10 ms in Hz, 0 where unvoiced, by normalised autocorrelation below 900 Hz."""
    signal = resample(pcm, rate, _F0_RATE)
    if len(signal) < _F0_WINDOW:
        return np.zeros(0)
    frames = sliding_window_view(_below_900_hz(signal), _F0_WINDOW)[::_F0_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    periodicity = _periodicity(frames)
    peak, strength = _best_lag(periodicity)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    voiced = (strength > _LEAST_PERIODICITY) & (level_db > np.percentile(level_db, 95) - 30)
    return _without_octave_jumps(np.where(voiced, _F0_RATE / peak, 0.0))


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
