"""Stretches that were encoded apart, joined to one stream of MP3 frames."""

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from av.packet import Packet

from pipeline.audio.mixdown.reservoir import Reservoir
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.mixdown.stretches import FRAME, Encoded, Packets, hand_over

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

_BITS = 8


class Joining:
    """Takes stretches in order, each in the first of its encodings that there is room for."""

    def __init__(self, bit_rate: int) -> None:
        self._reservoir = Reservoir(FRAME * bit_rate // (_BITS * RATE))
        self._held: Encoded | None = None
        """The last stretch: how the next one was encoded may move where it ends."""
        self._times: deque[Packet[AudioStream]] = deque()

    def add(self, encodings: Iterator[Encoded]) -> Packets:
        """Take the next stretch, and return the frames that are whole now."""
        held = self._held
        for encoded in encodings:
            ended, self._held = hand_over(held, encoded) if held else (None, encoded)
            if self._fits(ended, self._held):
                break
        return self._laid(ended) if ended else []

    def end(self) -> Packets:
        """Return the frames that are left."""
        last = self._laid(self._held) if self._held else []
        return last + self._timed(self._reservoir.flush())

    def _fits(self, ended: Encoded | None, begun: Encoded) -> bool:
        before = ended.own.lengths if ended else []
        after = begun.frames[begun.first :]
        return self._reservoir.fits(before + after.lengths, after.heads.shape[1])

    def _laid(self, encoded: Encoded) -> Packets:
        self._times.extend(encoded.own_packets)
        return self._timed(self._reservoir.lay(encoded.own))

    def _timed(self, frames: list[bytes]) -> Packets:
        return [_packet(frame, self._times.popleft()) for frame in frames]


def _packet(frame: bytes, like: "Packet[AudioStream]") -> "Packet[AudioStream]":
    packet = cast("Packet[AudioStream]", Packet(frame))
    packet.pts, packet.dts, packet.duration, packet.time_base = like.pts, like.dts, like.duration, like.time_base
    for told in like.iter_sidedata():
        packet.set_sidedata(told)
    return packet
