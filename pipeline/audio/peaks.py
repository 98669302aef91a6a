"""Peaks between samples (true peak, ITU-R BS.1770-4 annex 2) and runs of samples at full scale."""

import numpy as np
import numpy.typing as npt

from pipeline.audio.loudness import Samples, without_twin

FULL_SCALE = 1 - 2**-15
"""The highest 16-bit sample; what reaches it in a row was cut off."""

CLIPPED_RUN = 3
"""A clean peak touches full scale for one sample or two; three in a row are a flat top."""

BLOCK = 1024
"""Samples that are oversampled as one; of these `GUARD` on each side ring and are not looked at."""
GUARD = 128
STEP = BLOCK - 2 * GUARD
BATCH = 16
"""Blocks oversampled together: more would leave the processor's cache."""
HEADROOM = 2.0
"""Sound between samples rises at most this far above its neighbours in practice: quieter blocks are skipped."""


def oversampling(rate: int) -> int:
    """Return the factor BS.1770-4 annex 2 asks for: at least 192 kHz."""
    return 4 if rate < 96_000 else 2 if rate < 192_000 else 1  # noqa: PLR2004 - the rates of the standard


class TruePeakMeter:
    """Follows the highest point of the sound between its samples, as an amplitude (1 = 0 dBTP).

    Sound is oversampled in the frequency domain, in overlapping blocks of some 20 ms, and only where a block
    is loud enough to hold a new peak.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._factor = oversampling(rate)
        self._highest = 0.0
        self._pending: Samples = np.zeros((channels, GUARD), dtype=np.float32)

    def feed(self, samples: Samples) -> None:
        """Take the next samples."""
        self._pending = np.concatenate((self._pending, samples), axis=1)
        blocks = (self._pending.shape[1] - 2 * GUARD) // STEP
        if blocks > 0:
            self._look_at(self._pending[:, : blocks * STEP + 2 * GUARD])
            self._pending = self._pending[:, blocks * STEP :]

    def amplitude(self) -> float:
        """Return the true peak of all that was fed."""
        self.feed(np.zeros((len(self._pending), BLOCK), dtype=np.float32))
        return self._highest

    def _look_at(self, samples: Samples) -> None:
        self._highest = max(self._highest, float(samples.max()), -float(samples.min()))
        if self._factor == 1:
            return
        blocks = in_blocks(without_twin(samples))
        peaks = np.maximum(blocks.max(axis=2), -blocks.min(axis=2))
        candidates = blocks[peaks * HEADROOM > self._highest]
        for at in range(0, len(candidates), BATCH):
            self._oversample(candidates[at : at + BATCH])

    def _oversample(self, blocks: Samples) -> None:
        fine = between_samples(blocks, self._factor)
        self._highest = max(self._highest, float(fine.max()), -float(fine.min()))


def in_blocks(samples: Samples) -> Samples:
    """Return sound as overlapping blocks, (channels, blocks, `BLOCK`); `GUARD` samples stand before the first."""
    return np.lib.stride_tricks.sliding_window_view(samples, BLOCK, axis=1)[:, ::STEP]


def between_samples(blocks: Samples, factor: int) -> Samples:
    """Return the inner `STEP` samples of each block with `factor` times as many points, shaped (blocks, points)."""
    spectrum = np.fft.rfft(blocks * _TAPER, axis=1)
    spectrum[:, -1] /= 2  # the Nyquist bin stands for both of its halves once there is room above it
    fine = np.fft.irfft(spectrum, n=BLOCK * factor, axis=1)[:, GUARD * factor : -GUARD * factor]
    return np.asarray(fine * np.float32(factor))


def _taper() -> npt.NDArray[np.float32]:
    """Return a window that is flat but for its guards: without it a block's ends would ring into its middle."""
    window = np.ones(BLOCK, dtype=np.float32)
    slope = np.sin(np.linspace(0, np.pi / 2, GUARD, endpoint=False, dtype=np.float32)) ** 2
    window[:GUARD], window[-GUARD:] = slope, slope[::-1]
    return window


_TAPER = _taper()


class ClipCounter:
    """Counts samples that stand in runs of `CLIPPED_RUN` or more at full scale.

    Floating point recordings may rightly pass 0 dBFS: there only samples at full scale and not above it count.
    """

    def __init__(self, channels: int, *, floating: bool = False) -> None:
        self.clipped = 0
        self._ceiling = 1.0 if floating else np.inf
        self._tail = np.zeros((channels, CLIPPED_RUN), dtype=np.bool_)

    def feed(self, samples: Samples) -> None:
        """Take the next samples."""
        if max(float(samples.max()), -float(samples.min())) < FULL_SCALE and not self._tail.any():
            return
        level = np.abs(samples)
        flags = np.concatenate((self._tail, (level >= FULL_SCALE) & (level <= self._ceiling)), axis=1)
        self._tail = flags[:, -CLIPPED_RUN:]
        # A run of n flags makes n - 2 windows of three, so each run of windows stands for two samples more.
        windows = flags[:, 2:] & flags[:, 1:-1] & flags[:, :-2]
        new = windows[:, 1:]
        starts = new & ~windows[:, :-1]
        self.clipped += int(new.sum()) + (CLIPPED_RUN - 1) * int(starts.sum())
