"""Shapes synthesised speech: silence off the ends, one equaliser, one level."""

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.analysis import BAND_CENTRES, ENVELOPE_RATE
from pipeline.sandbox.voice.profile import Measurements

Floats = NDArray[np.float32]

EQUALISER_LIMIT_DB = 6.0
"""More sounds like a filter, not like a person."""

LEVEL_DBFS = -20.0
PEAK = 0.95

_TAPS = 513
_FFT = 1024
_FRAMES_A_SECOND = 100
_LEAST_FRAMES = 3
_LEAST_BANDS = 6
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 9000.0


def trim(pcm: Floats, rate: int, *, floor_db: float = 40.0, keep_seconds: float = 0.04) -> Floats:
    """Cut the ends where the sound is `floor_db` under its loudest 10 ms, keeping a little around."""
    length = rate // _FRAMES_A_SECOND
    frames = pcm[: len(pcm) // length * length].reshape(-1, length)
    if len(frames) < _LEAST_FRAMES:
        return pcm
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    loud = np.flatnonzero(level_db > level_db.max() - floor_db)
    keep = int(keep_seconds * _FRAMES_A_SECOND)
    return pcm[max(0, loud[0] - keep) * length : min(len(frames), loud[-1] + 1 + keep) * length]


def level(pcm: Floats) -> Floats:
    """Set the level to -20 dBFS RMS, lower where the peak would pass 0.95."""
    if not len(pcm):
        return pcm
    rms = float(np.sqrt((pcm.astype(np.float64) ** 2).mean())) + 1e-6
    gain = 10 ** (LEVEL_DBFS / 20) / rms
    peak = float(np.abs(pcm).max()) * gain
    return (pcm * (gain * min(1.0, PEAK / max(peak, 1e-6)))).astype(np.float32)


def equalise(pcm: Floats, source: Measurements, target: Measurements, warp: float = 1.0) -> Floats:
    """Bring 24 kHz speech that sounds like `source` (its formants moved by `warp`) nearer to `target`."""
    taps = _equaliser_taps(source, target, warp)
    return pcm if taps is None else _filter(pcm, taps)


def _equaliser_taps(source: Measurements, target: Measurements, warp: float) -> Floats | None:
    log_centres = np.log(BAND_CENTRES)
    warped = np.interp(log_centres, log_centres + np.log(warp), source.envelope)
    # Above either recording's bandwidth there is nothing to compare.
    top = min(_HIGHEST_HZ, 0.85 * target.bandwidth_hz, 0.85 * source.bandwidth_hz)
    usable = np.flatnonzero((BAND_CENTRES > _LOWEST_HZ) & (top > BAND_CENTRES))
    if len(usable) < _LEAST_BANDS:
        return None
    difference = np.asarray(target.envelope) - warped
    difference -= difference[usable].mean()
    difference[: usable[0]] = difference[usable[0]]
    difference[usable[-1] + 1 :] = difference[usable[-1]]
    smooth = np.convolve(np.pad(difference, 3, "edge"), np.ones(7) / 7, "valid")
    gain_db = np.clip(smooth * 10 / np.log(10), -EQUALISER_LIMIT_DB, EQUALISER_LIMIT_DB)
    return _linear_phase(gain_db)


def _linear_phase(gain_db: NDArray[np.float64]) -> Floats:
    frequencies = np.maximum(np.linspace(0, ENVELOPE_RATE / 2, _FFT // 2 + 1), 60)
    gain = 10 ** (np.interp(np.log(frequencies), np.log(BAND_CENTRES), gain_db) / 20)
    impulse = np.roll(np.fft.irfft(gain), _FFT // 2)
    start = (_FFT - _TAPS + 1) // 2
    return np.asarray(impulse[start : start + _TAPS] * np.hanning(_TAPS), dtype=np.float32)


def _filter(pcm: Floats, taps: Floats) -> Floats:
    size = 1 << int(np.ceil(np.log2(len(pcm) + len(taps))))
    filtered = np.fft.irfft(np.fft.rfft(pcm, size) * np.fft.rfft(taps, size), size)
    delay = len(taps) // 2
    return np.asarray(filtered[delay : delay + len(pcm)], dtype=np.float32)
