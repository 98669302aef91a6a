"""MP3 of sound that is the same in both channels: encoded once, and stored as joint stereo whose side is empty.

Joint stereo holds middle and side, (left ± right) / √2, and to choose it an encoder works on all four of them. Where
left is right there is nothing to choose. A frame of one channel becomes one of two by another head alone: what it
codes stays as it is, bit for bit.
"""

from typing import Final

import numpy as np

from pipeline.audio.mixdown.frames import (
    FIRST_GRANULE,
    GRANULE_BITS,
    HEADER_BYTES,
    SIDE_BYTES,
    WINDOW,
    WINDOW_SWITCHED,
    Bytes,
    Frames,
    granules,
    side_bits,
)

_LOW_BITS: Final = 0x0F
_RATE_INDEX: Final = {96_000: 7, 112_000: 8, 128_000: 9}
_MIDDLE_AND_SIDE: Final = 0b01_10 << 4
_SHARED_BITS: Final = 4
"""Of scale factors: which the second granule takes from the first."""
_GAIN: Final = slice(21, 29)
_MIXED: Final = slice(36, 37)
_ROOT_TWO: Final = 2
"""Gains count in quarters of a doubling."""
_NO_GAIN: Final[Bytes] = np.unpackbits(np.array([210], dtype=np.uint8))


def as_middle(frames: Frames, bit_rate: int) -> Frames:
    """Return frames of one channel as frames of `bit_rate` (bit/s) that sound the same, on two."""
    heads = np.zeros((len(frames.heads), HEADER_BYTES + SIDE_BYTES[2]), dtype=np.uint8)
    heads[:, :HEADER_BYTES] = frames.heads[:, :HEADER_BYTES]
    heads[:, 2] = (heads[:, 2] & _LOW_BITS) | _RATE_INDEX[bit_rate] << 4
    heads[:, 3] = (heads[:, 3] & _LOW_BITS) | _MIDDLE_AND_SIDE
    heads[:, HEADER_BYTES:] = np.packbits(_with_empty_side(side_bits(frames.heads)), axis=1)
    return Frames(heads, frames.coded)


def _with_empty_side(one: Bytes) -> Bytes:
    two = np.zeros((len(one), 8 * SIDE_BYTES[2]), dtype=np.uint8)
    shared_from = FIRST_GRANULE[2] - 2 * _SHARED_BITS
    two[:, shared_from : shared_from + _SHARED_BITS] = one[:, FIRST_GRANULE[1] - _SHARED_BITS : FIRST_GRANULE[1]]
    for number, granule in enumerate(granules(one, 1)):
        middle, side = granule.copy(), np.zeros_like(granule)
        middle[:, _GAIN] = np.unpackbits(np.packbits(middle[:, _GAIN], axis=1) + np.uint8(_ROOT_TWO), axis=1)
        # Both are turned into left and right before they are windowed: an empty side needs its middle's windows.
        side[:, WINDOW_SWITCHED] = granule[:, WINDOW_SWITCHED]
        for window in (WINDOW, _MIXED):
            side[:, window] = granule[:, window] * granule[:, WINDOW_SWITCHED]
        side[:, _GAIN] = _NO_GAIN
        at = FIRST_GRANULE[2] + 2 * number * GRANULE_BITS
        two[:, at : at + 2 * GRANULE_BITS] = np.concatenate((middle, side), axis=1)
    return two
