"""Integrated loudness by ITU-R BS.1770-4: K-weighting, 400 ms blocks every 100 ms, two gates."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.audio.bins import PowerBins

Samples = npt.NDArray[np.float32]
"""Sound as (channels, samples), full scale at 1."""

_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_BLOCK_BINS = 4
BINS_PER_SECOND = 10
_HISTORY_SECONDS = 0.1
"""The weighting's impulse response has fallen by more than 200 dB after this time (poles at 38 Hz)."""

SURROUND_WEIGHT = 1.41
"""BS.1770 weighs the surround channels by +1.5 dB and leaves the low frequency channel out."""
_WEIGHTS = {"LFE": 0.0, "LFE2": 0.0} | dict.fromkeys(("SL", "SR", "BL", "BR"), SURROUND_WEIGHT)


def channel_weights(names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Return the weight of each channel by its speaker name (`FL`, `LFE`, `SR`, ...)."""
    return np.array([_WEIGHTS.get(name, 1.0) for name in names], dtype=np.float32)


def without_twin(samples: Samples) -> Samples:
    """Return the first channel alone where both of two are the same, as speech in stereo is: half the work."""
    return samples[:1] if len(samples) == 2 and np.array_equal(samples[0], samples[1]) else samples  # noqa: PLR2004


class LoudnessMeter:
    """Measures loudness as the sound streams by; feed it, then ask for `integrated`."""

    def __init__(self, rate: int, weights: npt.NDArray[np.float32]) -> None:
        self._weights = weights
        self._filter = _KWeighting(rate, len(weights))
        self._bins = PowerBins(rate, BINS_PER_SECOND)

    def feed(self, samples: Samples) -> None:
        """Take the next samples."""
        for weighted in self._filter.feed(samples):
            self._count(weighted)

    def integrated(self) -> float | None:
        """Return the loudness in LUFS; None below 0.4 s of sound or where all of it is gated away."""
        for weighted in self._filter.flush():
            self._count(weighted)
        return gated_loudness(self._bins.means())

    def _count(self, weighted: Samples) -> None:
        self._bins.feed(np.asarray(self._weights @ np.square(weighted)))


def gated_loudness(powers: npt.NDArray[np.float64]) -> float | None:
    """Return the gated loudness in LUFS of K-weighted mean powers over consecutive 100 ms."""
    if len(powers) < _BLOCK_BINS:
        return None
    blocks = np.convolve(powers, np.full(_BLOCK_BINS, 1 / _BLOCK_BINS), mode="valid")
    blocks = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(blocks):
        return None
    gate = _loudness(float(blocks.mean())) + _RELATIVE_GATE_LU
    return _loudness(float(blocks[blocks > _power(gate)].mean()))


def _loudness(power: float) -> float:
    return _OFFSET_LU + 10 * math.log10(power)


def _power(loudness: float) -> float:
    return float(10 ** ((loudness - _OFFSET_LU) / 10))


class _KWeighting:
    """The two filters of BS.1770 in one FFT (overlap-save): numpy has no recursive filter."""

    def __init__(self, rate: int, channels: int) -> None:
        self._history = math.ceil(rate * _HISTORY_SECONDS)
        self._size = 1 << math.ceil(math.log2(4 * self._history))
        self._response = _k_response(rate, self._size)
        self._pending: Samples = np.zeros((channels, self._history), dtype=np.float32)

    def feed(self, samples: Samples) -> Iterator[Samples]:
        self._pending = np.concatenate((self._pending, samples), axis=1)
        while self._pending.shape[1] >= self._size:
            yield self._filtered(self._pending[:, : self._size])
            self._pending = self._pending[:, self._size - self._history :]

    def flush(self) -> Iterator[Samples]:
        rest = self._pending.shape[1] - self._history
        if rest > 0:
            padding = ((0, 0), (0, self._size - self._pending.shape[1]))
            yield self._filtered(np.pad(self._pending, padding))[:, :rest]
            self._pending = self._pending[:, -self._history :]

    def _filtered(self, block: Samples) -> Samples:
        spectrum = np.fft.rfft(without_twin(block), axis=1)
        spectrum *= self._response
        filtered = np.fft.irfft(spectrum, n=self._size, axis=1).astype(np.float32, copy=False)
        return np.broadcast_to(filtered, block.shape)[:, self._history :]


@cache
def _k_response(rate: int, size: int) -> npt.NDArray[np.complex64]:
    """Return the frequency response of the weighting for this rate.

    The standard tabulates coefficients for 48 kHz alone; these are the analogue prototypes behind the
    table, so that each rate gets the same curve.
    """
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = np.polyval([high - band * k / q + k * k, 2 * (k * k - high), high + band * k / q + k * k], z)
    shelf /= np.polyval([1 - k / q + k * k, 2 * (k * k - 1), 1 + k / q + k * k], z)
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = (1 - z) ** 2 / np.polyval([(1 - k / q + k * k) / a0, 2 * (k * k - 1) / a0, 1], z)
    return np.asarray(shelf * high_pass, dtype=np.complex64)
