"""A limiter that looks ahead and hears between the samples; what stays below the ceiling passes bit for bit.

The gain is held long enough for a tone of 40 Hz to pass without being bent within its own period.
"""

import numpy as np
import numpy.typing as npt

from pipeline.audio.loudness import Samples, without_twin
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.peaks import BATCH, BLOCK, GUARD, HEADROOM, STEP, between_samples, in_blocks, oversampling

Decibels = npt.NDArray[np.float64]

_HOP = 16
"""Samples for which one gain is worked out; between two it moves in a straight line."""
_AHEAD = 15
"""Hops that the gain starts to come down before a peak: 5 ms."""
_HOLD = 40
"""Hops for which it stays down: 13 ms, more than half a period of 40 Hz."""
_REACH = 2 * _AHEAD + _HOLD
_RELEASE = 40.0 / RATE * _HOP
"""By how much it comes back from hop to hop: 40 dB a second."""
_SMOOTH = np.hanning(2 * _AHEAD + 3)[1:-1] / np.hanning(2 * _AHEAD + 3).sum()
_MARGIN_DB = 0.05
"""What another meter may see beyond ours."""
HARD_DB = 3.0
"""Reductions beyond this can be heard on speech."""


class Limiter:
    """Holds a stream at `RATE` below a true peak; feed it, then `flush` it. As many samples come out as went in."""

    def __init__(self, channels: int, ceiling_dbtp: float) -> None:
        self.most_db = 0.0
        """The largest reduction so far."""
        self._hops, self._hard_hops = 0, 0
        self._ceiling = 10 ** ((ceiling_dbtp - _MARGIN_DB) / 20)
        self._unheard: Samples = np.zeros((channels, GUARD), dtype=np.float32)
        self._waiting: Samples = np.zeros((channels, 0), dtype=np.float32)
        self._reductions = _Reductions()

    @property
    def hard_share(self) -> float:
        """The share of time with reductions beyond `HARD_DB`."""
        return self._hard_hops / max(1, self._hops)

    def feed(self, block: Samples) -> Samples:
        """Return what can be given out after this much more was heard."""
        self._waiting = np.concatenate((self._waiting, block), axis=1)
        self._unheard = np.concatenate((self._unheard, block), axis=1)
        steps = (self._unheard.shape[1] - 2 * GUARD) // STEP
        if steps <= 0:
            return self._waiting[:, :0]
        asked = self._asked(self._unheard[:, : steps * STEP + 2 * GUARD])
        self._unheard = self._unheard[:, steps * STEP :]
        return self._give_out(self._reductions.feed(asked))

    def flush(self) -> Samples:
        """Return the rest."""
        owed = self._waiting.shape[1]
        return self.feed(np.zeros((len(self._waiting), BLOCK + STEP + 3 * _AHEAD * _HOP), dtype=np.float32))[:, :owed]

    def _asked(self, heard: Samples) -> Decibels:
        """Return the gain in dB, 0 or below, that each hop asks for by itself."""
        peaks = np.zeros((heard.shape[1] // STEP, STEP // _HOP))
        for channel in in_blocks(without_twin(heard)):
            loud = np.flatnonzero(np.maximum(channel.max(axis=1), -channel.min(axis=1)) * HEADROOM > self._ceiling)
            for at in range(0, len(loud), BATCH):
                some = loud[at : at + BATCH]
                peaks[some] = np.maximum(peaks[some], _highest(channel[some]))
        return np.asarray(20 * np.log10(self._ceiling / np.maximum(peaks.reshape(-1), self._ceiling)))

    def _give_out(self, gains: Decibels) -> Samples:
        hops = len(gains) - 1
        out, self._waiting = self._waiting[:, : hops * _HOP], self._waiting[:, hops * _HOP :]
        self._hops += hops
        self._hard_hops += int((gains[1:] < -HARD_DB).sum())
        self.most_db = max(self.most_db, -float(gains.min()))
        if not gains.any():
            return out
        linear = 10 ** (gains / 20)
        between = linear[:-1, None] + np.diff(linear)[:, None] * (np.arange(_HOP) / _HOP)
        return np.asarray(out * between.reshape(-1)[: out.shape[1]].astype(np.float32))


class _Reductions:
    """From what each hop asks for to one smooth gain that never exceeds it, in dB."""

    def __init__(self) -> None:
        # Sound may begin at full level: the gain has come down by then.
        self._asked: Decibels = np.zeros(_REACH)
        self._released: Decibels = np.zeros(0)
        self._smooth: Decibels = np.zeros(0)

    def feed(self, asked: Decibels) -> Decibels:
        """Return the gain at the beginning of each hop that is settled, and at the end of the last of them."""
        self._asked = np.concatenate((self._asked, asked))
        lowest = np.lib.stride_tricks.sliding_window_view(self._asked, _REACH + 1).min(axis=1)
        released = np.concatenate((self._released, self._release(lowest)))
        settled = np.concatenate((self._smooth, np.convolve(released, _SMOOTH, mode="valid")))
        self._asked, self._released, self._smooth = self._asked[-_REACH:], released[-2 * _AHEAD :], settled[-1:]
        return settled

    def _release(self, lowest: Decibels) -> Decibels:
        recovery = np.arange(len(lowest) + 1) * _RELEASE
        falling = np.concatenate((self._released[-1:] if len(self._released) else np.zeros(1), lowest)) - recovery
        return np.asarray(np.minimum.accumulate(falling) + recovery)[1:]


def _highest(blocks: Samples) -> npt.NDArray[np.float32]:
    factor = oversampling(RATE)
    fine = between_samples(blocks, factor).reshape(len(blocks), STEP // _HOP, _HOP * factor)
    return np.asarray(np.maximum(fine.max(axis=2), -fine.min(axis=2)))
