"""Gains that move: fades at the ends of a part, and music that makes room for speech."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.score import RATE, samples

Gains = npt.NDArray[np.float32]

ATTACK_SECONDS = 0.4
"""The music has made room when a word begins: it starts to go down this long before."""
RELEASE_SECONDS = 1.2
_HOLD_SECONDS = 2.0
"""Pauses up to this long are not filled: music that rises between two lines pumps."""


def faded(block: Samples, at: int, length: int, fade_in: int, fade_out: int) -> Samples:
    """Return a stretch of a part, `at` samples into its `length`, with its share of the fades (equal power)."""
    end = at + block.shape[1]
    if at >= fade_in and end <= length - fade_out:
        return block
    position = np.arange(at, end, dtype=np.float32)
    rise = (position + 0.5) / max(1, fade_in)
    fall = (length - position - 0.5) / max(1, fade_out)
    slope = np.clip(np.minimum(rise, fall), 0, 1)
    return block * np.sin(slope * np.float32(np.pi / 2))


class Ducking:
    """Follows how far music has made room: 0 while nobody speaks, 1 under speech, smoothly between."""

    def __init__(self, speech: Sequence[tuple[float, float]]) -> None:
        times, room = [0.0], [1.0 if speech and speech[0][0] <= 0 else 0.0]
        for start, end in _without_short_pauses(speech):
            times += [start - ATTACK_SECONDS, start, end, end + RELEASE_SECONDS]
            room += [0.0, 1.0, 1.0, 0.0]
        order = np.argsort(times, kind="stable")
        self._times = np.asarray(times)[order] * RATE
        self._room = np.asarray(room)[order]

    def gains(self, at: int, count: int, duck_db: float) -> Gains:
        """Return the gain of each of `count` samples from the mix's sample `at` on."""
        reached = np.interp(np.arange(at, at + count), self._times, self._room)
        smooth = 0.5 - 0.5 * np.cos(np.pi * reached)
        return np.asarray(10 ** (smooth * (duck_db / 20)), dtype=np.float32)


def _without_short_pauses(speech: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    least = max(_HOLD_SECONDS, ATTACK_SECONDS + RELEASE_SECONDS)
    joined: list[tuple[float, float]] = []
    for start, end in speech:
        if joined and start - joined[-1][1] <= least:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def fade_samples(seconds: float, length: int) -> int:
    """Return the samples of a fade, no more than half of what it fades."""
    return min(samples(seconds), length // 2)
