"""MP3 on several cores: LAME works on one, and takes longer than all else together.

The sound is cut into stretches that are encoded side by side. Each encoder hears what stands before its stretch and
after it, and what it makes of that is thrown away, so that its filters and its judgement are where those of a single
encoder would be. Frames share no bits (no bit reservoir): they can stand beside any other.
"""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding
from pipeline.audio.mixdown.score import RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

FRAME = 1152
_STRETCH_FRAMES = 625
"""15 s: what is heard twice costs 2 %, and what waits takes 6 MB."""
_BEFORE_FRAMES, _AFTER_FRAMES = 8, 4
_MOST_ENCODERS = 8
"""More of them would wait for the mix, and keep memory for it."""
Packets: TypeAlias = "list[Packet[AudioStream]]"
LAYOUTS = {1: "mono", 2: "stereo"}
BIT_EXACT = "+bitexact"
"""No date and no library version in the file: equal sound has equal hashes."""
_LAME_STEP = 118
"""FFmpeg counts quality in this many steps to one of LAME's."""


def codec_options(coding: Coding) -> dict[str, str]:
    """Return what an encoder is told by name."""
    if coding.codec == "aac":
        # Half the time of the default search; at these bit rates the difference cannot be heard.
        return {"flags": BIT_EXACT, "aac_coder": "fast"}
    if coding.codec != "libmp3lame":
        return {"flags": BIT_EXACT}
    if coding.vbr_quality is None:
        return {"flags": BIT_EXACT, "reservoir": "0"}
    quality = str(coding.vbr_quality * _LAME_STEP)
    return {"flags": f"{BIT_EXACT}+qscale", "global_quality": quality, "reservoir": "0"}


def set_up(context: AudioCodecContext, coding: Coding, channels: int) -> None:
    """Tell an encoder what it is told by attribute."""
    context.layout = LAYOUTS[channels]
    if coding.bit_rates:
        context.bit_rate = coding.bit_rates[channels - 1]
    if coding.codec == "flac":
        context.format = "s32" if coding.bits == 24 else "s16"  # noqa: PLR2004 - FLAC's own choice


class ParallelMp3:
    """Encodes a stream as it comes; the same sound gives the same packets on any number of cores."""

    def __init__(self, coding: Coding, channels: int) -> None:
        cores = min(os.cpu_count() or 1, _MOST_ENCODERS)
        self._coding, self._channels = coding, channels
        self._pool = ThreadPoolExecutor(cores)
        self._most_waiting = cores + 1
        self._waiting: deque[Future[Packets]] = deque()
        self._held: list[Samples] = []
        self._held_from, self._held_to, self._stretch = 0, 0, 0

    def feed(self, block: Samples) -> Iterator[Packets]:
        """Take the next samples and yield, in order, what is encoded by now."""
        self._held.append(block)
        self._held_to += block.shape[1]
        while self._held_to >= (self._stretch + 1) * _STRETCH_FRAMES * FRAME + _AFTER_FRAMES * FRAME:
            self._submit(last=False)
            while len(self._waiting) > self._most_waiting:
                yield self._waiting.popleft().result()

    def flush(self) -> Iterator[Packets]:
        """Yield the rest."""
        self._submit(last=True)
        while self._waiting:
            yield self._waiting.popleft().result()
        self.close()

    def close(self) -> None:
        """Let nothing more be begun."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, *, last: bool) -> None:
        sound = np.concatenate(self._held, axis=1) if self._held else np.zeros((self._channels, 0), np.float32)
        end = (self._stretch + 1) * _STRETCH_FRAMES + _AFTER_FRAMES
        heard = sound if last else sound[:, : end * FRAME - self._held_from]
        self._waiting.append(self._pool.submit(self._encoded, heard, self._held_from, self._stretch, last=last))
        self._stretch += 1
        kept_from = max(0, self._stretch * _STRETCH_FRAMES - _BEFORE_FRAMES) * FRAME
        self._held = [sound[:, kept_from - self._held_from :]]
        self._held_from = kept_from

    def _encoded(self, sound: Samples, begin: int, stretch: int, *, last: bool) -> Packets:
        encoder = self._new_encoder()
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=LAYOUTS[self._channels])
        frame.sample_rate, frame.pts = RATE, begin
        packets = [*encoder.encode(frame), *(encoder.encode(None) if last else ())]
        first = stretch * _STRETCH_FRAMES - begin // FRAME
        return packets[first:] if last else packets[first : first + _STRETCH_FRAMES]

    def _new_encoder(self) -> AudioCodecContext:
        encoder = cast("AudioCodecContext", av.CodecContext.create(self._coding.codec, "w"))
        encoder.sample_rate, encoder.format, encoder.time_base = RATE, "fltp", Fraction(1, RATE)
        encoder.options = codec_options(self._coding)
        set_up(encoder, self._coding, self._channels)
        return encoder
