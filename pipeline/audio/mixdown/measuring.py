"""Measures what will be mixed: where a take is heard, how loud it and a piece of music are."""

import numpy as np
import numpy.typing as npt

from pipeline.audio.activity import SILENCE_DBFS, decibels, find_activity
from pipeline.audio.bins import PowerBins
from pipeline.audio.loudness import LoudnessMeter, channel_weights
from pipeline.audio.mixdown.hearing import SPEAKERS
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Extent, Music, Sound, widened_db

_WINDOWS_PER_SECOND = 100
_SOFT_SECONDS = 0.25
"""How far beyond clear speech its soft beginning and end are looked for: an `h`, an `s`, the last breath."""
_SOFT_DB = 30.0
"""How far below clear speech they may lie."""
_NOISE_DB = 6.0
"""How far above the take's own noise they must lie."""
_NOISE_PERCENTILE = 5


def measure_take(sound: Sound, channels: int) -> Extent:
    """Return where something is heard in a take. Raises `AudioRejected`, and `OSError`."""
    powers, loudness = PowerBins(RATE, _WINDOWS_PER_SECOND), None
    read, rows = 0, 1
    for block in read_sound(sound, channels):
        rows = len(block)
        loudness = loudness or LoudnessMeter(RATE, channel_weights(SPEAKERS[rows]))
        loudness.feed(block)
        powers.feed(np.einsum("cn,cn->n", block, block))
        read += block.shape[1]
    means, wider = powers.means(), widened_db(rows, channels)
    first, last = _heard(means)
    lufs = loudness.integrated() if loudness else None
    return Extent(
        first=first / _WINDOWS_PER_SECOND,
        last=min(last / _WINDOWS_PER_SECOND, read / RATE),
        length=read / RATE,
        lufs=None if lufs is None else lufs + wider,
        rms_dbfs=decibels(float(means[first:last].mean())) + wider if last > first else SILENCE_DBFS,
    )


def measure_music(sound: Sound, channels: int) -> Music:
    """Return how long and how loud music is. Raises `AudioRejected`, and `OSError`."""
    loudness, read, rows = None, 0, 1
    for block in read_sound(sound, channels):
        rows = len(block)
        loudness = loudness or LoudnessMeter(RATE, channel_weights(SPEAKERS[rows]))
        loudness.feed(block)
        read += block.shape[1]
    lufs = loudness.integrated() if loudness else None
    return Music(read / RATE, None if lufs is None else lufs + widened_db(rows, channels))


def _heard(powers: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return the first window of speech and the one after its last, soft beginnings and ends included."""
    activity = find_activity(powers)
    if activity.first is None or activity.last is None:
        return 0, 0
    clear = float(powers[activity.first : activity.last + 1].mean())
    noise = float(np.percentile(powers, _NOISE_PERCENTILE))
    audible = powers > max(clear * 10 ** (-_SOFT_DB / 10), noise * 10 ** (_NOISE_DB / 10))
    reach = round(_SOFT_SECONDS * _WINDOWS_PER_SECOND)
    before = np.flatnonzero(audible[max(0, activity.first - reach) : activity.first + 1][::-1])
    after = np.flatnonzero(audible[activity.last : activity.last + reach + 1])
    first = activity.first - (int(before[-1]) if len(before) else 0)
    return first, activity.last + 1 + (int(after[-1]) if len(after) else 0)
