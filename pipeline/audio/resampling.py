"""Sample-rate conversion in the frequency domain: exact band limiting with numpy alone."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

_EDGE_SECONDS = 0.02
"""Silence put around the signal, so that the transform's wrap-around stays inaudible."""

_SMOOTH_PRIMES = (2, 3, 5, 7)


def resample(pcm: NDArray[np.float32], source_hz: int, target_hz: int) -> NDArray[np.float32]:
    """Convert mono samples from one rate to another; the length follows the ratio of the rates."""
    signal = np.asarray(pcm, dtype=np.float32)
    if source_hz == target_hz or not len(signal):
        return signal
    common = gcd(source_hz, target_hz)
    up, down = target_hz // common, source_hz // common
    edge_blocks = 1 + int(_EDGE_SECONDS * source_hz) // down
    blocks = _next_smooth(-(-len(signal) // down) + 2 * edge_blocks)
    padded = np.zeros(blocks * down, dtype=np.float32)
    start = edge_blocks * down
    padded[start : start + len(signal)] = signal
    converted = _convert(padded, blocks * up)
    length = round(len(signal) * up / down)
    return converted[edge_blocks * up :][:length]


def _convert(padded: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(padded)
    kept = min(len(spectrum), length // 2 + 1)
    spectrum = spectrum[:kept] * _roll_off(kept)
    return np.asarray(np.fft.irfft(spectrum, length) * (length / len(padded)), dtype=np.float32)


def _roll_off(bins: int) -> NDArray[np.float32]:
    # A brick wall rings; half a cosine over the last 4 % of the band does not.
    gain = np.ones(bins, dtype=np.float32)
    slope = max(1, bins // 25)
    gain[-slope:] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, slope + 1) / slope)
    return gain


def _next_smooth(number: int) -> int:
    # Transforms of lengths without large prime factors are many times faster.
    while not _is_smooth(number):
        number += 1
    return number


def _is_smooth(number: int) -> bool:
    for prime in _SMOOTH_PRIMES:
        while number % prime == 0:
            number //= prime
    return number == 1
