"""A stretch of sound as MP3 frames, encoded apart from those before and after it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding
from pipeline.audio.mixdown.frames import Bytes, Frames, go_on, take_apart
from pipeline.audio.mixdown.middle import as_middle
from pipeline.audio.mixdown.score import RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

Packets: TypeAlias = "list[Packet[AudioStream]]"
FRAME: Final = 1152
"""Samples."""
BEFORE_FRAMES, AFTER_FRAMES = 8, 4
"""What an encoder hears beside its stretch, so that its filters and its judgement are where another's would be."""
LAYOUTS: Final = {1: "mono", 2: "stereo"}
BIT_EXACT: Final = "+bitexact"
"""No date and no library version in the file: equal sound has equal hashes."""
SPARE_FRAMES: Final = 2
"""Kept of what stands beside a stretch: there another encoder may take over as well."""
_MIDDLE_BIT_RATE: Final = 128_000
_MIDDLE_OPTIONS: Final = {"reservoir": "0", "cutoff": "17000"}
"""What LAME is told where one channel stands for two at `_MIDDLE_BIT_RATE`: its band ends where that of two would."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound that is encoded at once, from the mix's sample `begin` on; its own frames are `first` to `stop`."""

    sound: Samples
    begin: int
    first: int
    stop: int | None
    """None for the last stretch, which has them all."""

    @property
    def heard_before(self) -> int:
        """How many frames stand before its own."""
        return self.first - self.begin // FRAME


@dataclass(frozen=True, slots=True)
class Encoded:
    """A stretch's frames and some beside them; its own are `first` to `stop` of these."""

    frames: Frames
    packets: Packets
    """As the encoder gave them: when each frame is heard."""
    first: int
    stop: int

    def moved(self, first: int = 0, stop: int = 0) -> "Encoded":
        """Return it with so many frames fewer at its beginning, and more at its end."""
        return replace(self, first=self.first + first, stop=self.stop + stop)

    @property
    def own(self) -> Frames:
        """Its own frames."""
        return self.frames[self.first : self.stop]

    @property
    def own_packets(self) -> Packets:
        """When these are heard."""
        return self.packets[self.first : self.stop]


def encodings(stretch: Stretch, coding: Coding) -> Iterator[Encoded]:
    """Yield a stretch at a constant bit rate in one way after another; there is always room for the last one's frames.

    In the others bits are kept for where they are needed, which may be more than are left when the stretch begins.
    """
    sound, bit_rate = stretch.sound, coding.bit_rate(len(stretch.sound))
    if len(sound) > 1 and bit_rate == _MIDDLE_BIT_RATE and np.array_equal(sound[0], sound[1]):
        one = replace(stretch, sound=sound[:1])
        encoded = _encoded(one, _told(coding, 1, _MIDDLE_BIT_RATE, _MIDDLE_OPTIONS))
        yield replace(encoded, frames=as_middle(encoded.frames, _MIDDLE_BIT_RATE))
    for reservoir in ("1", "0"):
        yield _encoded(stretch, _told(coding, len(sound), bit_rate, {"reservoir": reservoir}))


def new_encoder(codec: str, options: dict[str, str]) -> AudioCodecContext:
    """Return an encoder that is to be told layout and bit rate."""
    encoder = cast("AudioCodecContext", av.CodecContext.create(codec, "w"))
    encoder.sample_rate, encoder.format, encoder.time_base = RATE, "fltp", Fraction(1, RATE)
    encoder.options = options
    return encoder


def encoded_packets(stretch: Stretch, encoder: AudioCodecContext) -> Packets:
    """Return all that an encoder makes of a stretch and of what it hears beside it."""
    layout = LAYOUTS[len(stretch.sound)]
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(stretch.sound), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = RATE, stretch.begin
    return [*encoder.encode(frame), *(encoder.encode(None) if stretch.stop is None else ())]


def hand_over(before: Encoded, after: Encoded) -> tuple[Encoded, Encoded]:
    """Return two stretches that follow each other where their windows overlap as they must, as near as can be."""
    for moved in sorted(range(-SPARE_FRAMES, SPARE_FRAMES + 1), key=abs):
        ended, begun = before.moved(stop=moved), after.moved(first=moved)
        if _joined(ended, begun):
            return ended, begun
    return before, after


def _joined(ended: Encoded, begun: Encoded) -> bool:
    there = 0 <= begun.first < len(begun.packets) and 0 < ended.stop <= len(ended.packets)
    return there and go_on(_head(ended, ended.stop - 1), _head(begun, begun.first))


def _head(encoded: Encoded, number: int) -> Bytes:
    return np.asarray(encoded.frames.heads[number])


def _encoded(stretch: Stretch, encoder: AudioCodecContext) -> Encoded:
    packets = encoded_packets(stretch, encoder)
    skip = max(0, stretch.heard_before - SPARE_FRAMES)
    own = stretch.heard_before
    stop = len(packets) if stretch.stop is None else own + stretch.stop - stretch.first
    frames = take_apart([bytes(packet) for packet in packets[: stop + SPARE_FRAMES]], skip)
    return Encoded(frames, packets[skip : stop + SPARE_FRAMES], own - skip, stop - skip)


def _told(coding: Coding, channels: int, bit_rate: int, options: dict[str, str]) -> AudioCodecContext:
    encoder = new_encoder(coding.codec, {"flags": BIT_EXACT, **options})
    encoder.layout, encoder.bit_rate = LAYOUTS[channels], bit_rate
    return encoder
