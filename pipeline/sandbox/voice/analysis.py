"""Measures a voice with numpy alone: pitch, spectral envelope, bandwidth."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.pitch import pitch_track
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

_OCTAVE = 12


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
