"""Noise for samples that are to be rounded to 16 bits: what rounding adds is then noise as well, and no distortion.

Two even distributions of one step each, added (triangular, TPDF), leave neither the error's mean nor its power to
depend on the sound (Lipshitz, Wannamaker, Vanderkooy 1992).
"""

from typing import Final

import numpy as np

from pipeline.audio.loudness import Samples, without_twin

_STEPS: Final = 1 << 15
"""Of 16 bits, to full scale."""
_SEED: Final = 16
_SILENT_SAMPLES: Final = 480
"""10 ms in which nothing sounds at all stay so."""
_DRAWS: Final = 2
_EVEN: Final = 1 << 16


class Dither:
    """Adds the same noise to the same blocks; feed it the sound in order."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._source = np.random.PCG64(_SEED)

    def feed(self, block: Samples) -> Samples:
        """Return the next samples with their noise; where both channels are the same they stay it."""
        noise = self._noise(block.shape[1])
        noise[:, _silent(block)] = 0
        return block + noise[: len(without_twin(block))]

    def _noise(self, samples: int) -> Samples:
        # Raw words alone are promised to stay the same from one version of numpy to the next.
        words = self._source.random_raw(samples * self._channels).astype("<u8").view("<u2")
        draws = words.reshape(samples, self._channels, -1)[:, :, :_DRAWS].sum(axis=2, dtype=np.float32)
        steps = (draws - (_EVEN - 1)) / _EVEN
        return np.asarray(steps.T / _STEPS, dtype=np.float32)


def _silent(block: Samples) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each sample whether it lies in silence."""
    starts = np.arange(0, block.shape[1], _SILENT_SAMPLES)
    sounds = np.logical_or.reduceat(block.any(axis=0), starts)
    return np.repeat(~sounds, _SILENT_SAMPLES)[: block.shape[1]]
