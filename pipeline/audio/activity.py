"""Where there is speech and where there is none, from the powers of consecutive 10 ms windows.

The threshold follows ITU-T P.56 (method B): it lies a fixed margin below the level of the active part, found
by search, so that a quiet recording and a loud one are judged alike. Gaps inside words are no silence:
what is shorter than the hangover counts as speech; what is longer counts as silence from its first window.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOWS_PER_SECOND = 100
_MARGIN_DB = 15.9
_HANGOVER_WINDOWS = 20
_STEP_DB = 0.5
_FLOOR_DBFS = -90.0
_NOISE_WINDOWS = 10
_NOISE_PERCENTILE = 10
SILENCE_DBFS = -120.0
"""Stands for the level of digital silence, which has none."""


@dataclass(frozen=True)
class Activity:
    """What was found; `first` and `last` are the outermost speech windows, None where there is no speech."""

    silence_share: float
    first: int | None
    last: int | None


def find_activity(powers: npt.NDArray[np.float64]) -> Activity:
    """Return how much of the sound is silence and where speech begins and ends."""
    energy = float(powers.sum())
    if not len(powers) or energy <= 10 ** (_FLOOR_DBFS / 10):
        return Activity(1.0, None, None)
    loudest = 10 * np.log10(powers.max())
    active = np.flatnonzero(powers == powers.max())
    # If all of it were speech, it would lie no further than the mean above the threshold: none below can be it.
    hopeless = max(0, int((10 * np.log10(energy / len(powers)) - _MARGIN_DB - _FLOOR_DBFS) / _STEP_DB))
    for threshold in np.arange(_FLOOR_DBFS, loudest, _STEP_DB)[hopeless:]:
        candidate = np.flatnonzero(powers >= 10 ** (threshold / 10))
        if 10 * np.log10(energy / _with_gaps_closed(candidate)) - threshold <= _MARGIN_DB:
            active = candidate
            break
    share = 1 - _with_gaps_closed(active) / len(powers)
    return Activity(share, int(active[0]), int(active[-1]))


def noise_floor_dbfs(powers: npt.NDArray[np.float64]) -> float:
    """Return the level of the quietest tenth of the recording, over 100 ms at a time, in dBFS (RMS)."""
    whole = len(powers) // _NOISE_WINDOWS * _NOISE_WINDOWS
    if not whole:
        return SILENCE_DBFS
    powers = powers[:whole].reshape(-1, _NOISE_WINDOWS).mean(axis=1)
    return decibels(float(np.percentile(powers, _NOISE_PERCENTILE)))


def decibels(power: float) -> float:
    """Return a power in dB, `SILENCE_DBFS` at the least."""
    return max(SILENCE_DBFS, 10 * float(np.log10(power))) if power > 0 else SILENCE_DBFS


def _with_gaps_closed(active: npt.NDArray[np.intp]) -> int:
    gaps = np.diff(active) - 1
    return len(active) + int(gaps[gaps <= _HANGOVER_WINDOWS].sum())
