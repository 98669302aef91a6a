"""MP3 frames taken apart: what a frame says of itself, and what it codes.

Bits that a frame does not need are used by those after it: what a frame codes may begin up to 511 bytes before the
frame does (`main_data_begin`). ISO/IEC 11172-3, 2.4.1.7; MPEG-1 at 48 kHz: all frames of a bit rate are of one size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

HEADER_BYTES: Final = 4
SIDE_BYTES: Final = {1: 17, 2: 32}
"""Side information, by channels."""
GRANULES: Final = 2
GRANULE_BITS: Final = 59
FIRST_GRANULE: Final = {1: 18, 2: 20}
"""Bits of side information before those of the first granule."""
WINDOW_SWITCHED: Final = slice(33, 34)
WINDOW: Final = slice(34, 36)
_BEGIN_BITS: Final = 9
MOST_BEFORE: Final = (1 << _BEGIN_BITS) - 1
"""Bytes: how long before its frame what it codes may begin."""
_LENGTH: Final = slice(0, 12)
_ONE_CHANNEL = 0b11
_START, _SHORT, _STOP = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Frames:
    """A run of frames of one size: header and side information of each (frames, bytes), and what each codes."""

    heads: Bytes
    coded: Sequence[bytes]

    def __getitem__(self, some: slice) -> "Frames":
        return Frames(self.heads[some], self.coded[some])

    @property
    def lengths(self) -> list[int]:
        """How many bytes each codes."""
        return [len(coded) for coded in self.coded]


def take_apart(stored: Sequence[bytes], skip: int = 0) -> Frames:
    """Return frames as they came from an encoder, without the first `skip`.

    Raises `ValueError` where they differ in size, or one of them codes what stands before the first.
    """
    frames = np.stack([np.frombuffer(frame, dtype=np.uint8) for frame in stored])
    channels = 1 if frames[0, HEADER_BYTES - 1] >> 6 == _ONE_CHANNEL else 2
    head = HEADER_BYTES + SIDE_BYTES[channels]
    heads, room = frames[:, :head].copy(), frames[:, head:]
    side = side_bits(heads)
    begins = np.arange(len(frames)) * room.shape[1] - _number(side[:, :_BEGIN_BITS])
    ends = begins + (sum(_number(granule[:, _LENGTH]) for granule in granules(side, channels)) + 7) // 8
    if begins[skip] < 0:
        raise ValueError("an MP3 frame codes what stands before the first one")
    set_begins(heads, np.zeros(len(heads), dtype=np.intp))
    payload = room.tobytes()
    coded = [payload[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    return Frames(heads, coded)[skip:]


def side_bits(heads: Bytes) -> Bytes:
    """Return the side information of frames, (frames, bits)."""
    return np.unpackbits(heads[:, HEADER_BYTES:], axis=1)


def granules(side: Bytes, channels: int) -> Iterator[Bytes]:
    """Yield what each granule says of itself, (frames, bits): the channels of the first, then those of the second."""
    for number in range(GRANULES * channels):
        yield side[:, FIRST_GRANULE[channels] + number * GRANULE_BITS :][:, :GRANULE_BITS]


def set_begins(heads: Bytes, before: npt.NDArray[np.intp]) -> None:
    """Say in each head by how many bytes what the frame codes begins before it."""
    heads[:, HEADER_BYTES] = before >> 1
    heads[:, HEADER_BYTES + 1] = (heads[:, HEADER_BYTES + 1] & 0x7F) | (before & 1) << 7


def go_on(before: Bytes, after: Bytes) -> bool:
    """Tell whether windows overlap as they must where a frame follows another one; both given as their heads."""
    ended, begun = _windows(before), _windows(after)
    return all(
        (end in {_START, _SHORT}) == (begin in {_SHORT, _STOP})
        for end, begin in zip(ended[len(ended) // 2 :], begun[: len(begun) // 2], strict=True)
    )


def _windows(head: Bytes) -> list[int]:
    channels = 1 if len(head) == HEADER_BYTES + SIDE_BYTES[1] else 2
    found = granules(side_bits(head[None]), channels)
    return [int(_number(granule[:, WINDOW] * granule[:, WINDOW_SWITCHED])[0]) for granule in found]


def _number(bits: Bytes) -> npt.NDArray[np.intp]:
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])[::-1]), dtype=np.intp)
