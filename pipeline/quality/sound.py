"""Measures the sound of a take: level, peaks, flat tops, and where it is silent."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.activity import WINDOWS_PER_SECOND, decibels
from pipeline.audio.bins import PowerBins
from pipeline.audio.loudness import Samples
from pipeline.audio.meter import Meter

_LOUD_PERCENTILE: Final = 95
_SILENT_UNDER_LOUD_DB: Final = 35.0
"""Speech spans some 30 dB from its vowels to its weakest consonants; breath and room lie below."""
_SILENCE_DBFS: Final = -60.0
"""Whatever lies lower is silence, however even it is."""
_ENDING_WINDOWS: Final = 3
_TOP_SHARE: Final = 0.9
_PEAK_PERCENTILE: Final = 99.99


@dataclass(frozen=True)
class Sound:
    """What was measured of a take. Times in seconds; `lufs` is None below 0.4 s, where loudness is not defined."""

    seconds: float
    lufs: float | None
    rms_dbfs: float
    true_peak_dbtp: float
    clipped_share: float
    """Samples in runs at full scale."""
    flat_share: float
    """Samples within a tenth of the peak: speech has few there, sound that was cut off has many."""
    silence_share: float
    leading_silence: float
    trailing_silence: float
    longest_gap: float
    """Silence between sounds."""
    ending_drop_db: float
    """How far the last 30 ms lie below the loud parts."""
    active: tuple[bool, ...]
    """Whether there is sound, for each 10 ms."""


def measure(samples: Samples, rate: int, paused: float = 0.0) -> Sound:
    """Measure mono sound, (1, samples), of which `paused` seconds are silence that was asked for."""
    meter, bins = Meter(rate), PowerBins(rate, WINDOWS_PER_SECOND)
    for at in range(0, samples.shape[1], rate):
        meter.feed(samples[:, at : at + rate])
        bins.feed(np.square(samples[0, at : at + rate]))
    powers = bins.means()
    loud = _loud_dbfs(powers, round(paused * WINDOWS_PER_SECOND))
    levels, active = meter.levels(), _active(powers, loud)
    edges = _edges(active)
    gaps = edges[2::2] - edges[1:-1:2]
    return Sound(
        seconds=levels.seconds,
        lufs=levels.lufs,
        rms_dbfs=decibels(float(np.square(samples, dtype=np.float64).mean())),
        true_peak_dbtp=levels.true_peak_dbtp,
        clipped_share=levels.clipping_share,
        flat_share=_flat_share(samples[0]),
        silence_share=1 - float(active.mean()) if len(active) else 1.0,
        leading_silence=edges[0] / WINDOWS_PER_SECOND,
        trailing_silence=(len(active) - edges[-1]) / WINDOWS_PER_SECOND,
        longest_gap=float(gaps.max()) / WINDOWS_PER_SECOND if len(gaps) else 0.0,
        ending_drop_db=loud - decibels(float(powers[-_ENDING_WINDOWS:].mean())) if len(powers) else 0.0,
        active=tuple(active.tolist()),
    )


def _active(powers: NDArray[np.float64], loud_dbfs: float) -> NDArray[np.bool_]:
    floor = max(_SILENCE_DBFS, loud_dbfs - _SILENT_UNDER_LOUD_DB)
    return np.asarray(powers >= 10 ** (floor / 10))


def _loud_dbfs(powers: NDArray[np.float64], paused: int) -> float:
    """Return how loud the loud parts are, asked pauses apart: most of a bark with a long one is silence."""
    if not len(powers):
        return _SILENCE_DBFS
    heard = np.sort(powers)[min(paused, len(powers) - 1) :] if paused else powers
    return decibels(float(np.percentile(heard, _LOUD_PERCENTILE)))


def _edges(active: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return where sounds begin and end by turns; a silent take ends where it begins."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    return changes if len(changes) else np.array([len(active), len(active)])


def _flat_share(samples: NDArray[np.float32]) -> float:
    level = np.abs(samples)
    peak = float(np.percentile(level, _PEAK_PERCENTILE))
    return float((level >= _TOP_SHARE * peak).mean()) if peak > 0 else 0.0
