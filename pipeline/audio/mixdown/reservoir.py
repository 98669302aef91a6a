"""The bit reservoir of MP3, for frames that several encoders made."""

from collections.abc import Iterable

import numpy as np

from pipeline.audio.mixdown.frames import MOST_BEFORE, Bytes, Frames, set_begins


class Reservoir:
    """Lays frames one behind another, each as early as it may: room that one leaves is for those that follow."""

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._free = 0
        """Bytes that nothing is coded in yet, before the end of the last frame."""
        self._heads: list[Bytes] = []
        self._payload = bytearray()

    def fits(self, lengths: Iterable[int], head_bytes: int) -> bool:
        """Tell whether there is room for frames that code so many bytes each."""
        free = self._free
        for length in lengths:
            free = min(free, MOST_BEFORE) + self._frame_bytes - head_bytes - length
            if free < 0:
                return False
        return True

    def lay(self, frames: Frames) -> list[bytes]:
        """Take frames that fit, and return, in order, those that have become whole."""
        room = self._frame_bytes - frames.heads.shape[1]
        before = []
        for coded in frames.coded:
            before.append(min(self._free, MOST_BEFORE))
            self._payload += bytes(self._free - before[-1]) + coded
            self._free = before[-1] + room - len(coded)
        heads = frames.heads.copy()
        set_begins(heads, np.array(before, dtype=np.intp))
        self._heads.extend(heads)
        return self._whole(len(self._payload) // room)

    def flush(self) -> list[bytes]:
        """Return the rest: what is still free stays so."""
        self._payload += bytes(self._free)
        self._free = 0
        return self._whole(len(self._heads))

    def _whole(self, count: int) -> list[bytes]:
        if not count:
            return []
        room = self._frame_bytes - len(self._heads[0])
        stored = [
            self._heads[number].tobytes() + self._payload[number * room : (number + 1) * room]
            for number in range(count)
        ]
        del self._heads[:count], self._payload[: count * room]
        return stored
