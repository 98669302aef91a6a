"""MP3 on several cores: LAME works on one, and takes longer than all else together.

The sound is cut into stretches that are encoded side by side. Each encoder hears what stands before its stretch and
after it, and what it makes of that is thrown away, so that its filters and its judgement are where those of a single
encoder would be.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeAlias

import numpy as np
from av.audio.codeccontext import AudioCodecContext

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown.coding import Coding
from pipeline.audio.mixdown.joining import Joining
from pipeline.audio.mixdown.stretches import (
    AFTER_FRAMES,
    BEFORE_FRAMES,
    BIT_EXACT,
    FRAME,
    LAYOUTS,
    Packets,
    Stretch,
    encoded_packets,
    encodings,
    new_encoder,
)

_STRETCH_FRAMES = 625
"""15 s: what is heard twice costs 2 %, and what waits takes 6 MB."""
_MOST_ENCODERS = 8
"""More of them would wait for the mix, and keep memory for it."""
_LAME_STEP = 118
"""FFmpeg counts quality in this many steps to one of LAME's."""

Take: TypeAlias = Callable[[], Packets]
"""Called in the order of the stretches, it gives what can be written then."""


def codec_options(coding: Coding) -> dict[str, str]:
    """Return what an encoder is told by name."""
    if coding.codec == "aac":
        # Half the time of the default search; at these bit rates the difference cannot be heard.
        return {"flags": BIT_EXACT, "aac_coder": "fast"}
    if coding.codec == "libopus":
        # Left to itself it took 125 kbit/s of speech over music where 96 were asked for.
        return {"flags": BIT_EXACT, "vbr": "constrained"}
    if coding.vbr_quality is None:
        return {"flags": BIT_EXACT}
    quality = str(coding.vbr_quality * _LAME_STEP)
    # Frames that share no bits can stand beside any other.
    return {"flags": f"{BIT_EXACT}+qscale", "global_quality": quality, "reservoir": "0"}


def set_up(context: AudioCodecContext, coding: Coding, channels: int) -> None:
    """Tell an encoder what it is told by attribute."""
    context.layout = LAYOUTS[channels]
    if coding.bit_rates:
        context.bit_rate = coding.bit_rates[channels - 1]
    if coding.codec == "flac":
        context.format = "s32" if coding.bits == 24 else "s16"  # noqa: PLR2004 - FLAC's own choice


class _VariableRate:
    """Frames that share no bits: they can stand beside any other."""

    def __init__(self, coding: Coding, channels: int) -> None:
        self._coding, self._channels = coding, channels

    def encode(self, stretch: Stretch) -> Take:
        encoder = new_encoder(self._coding.codec, codec_options(self._coding))
        set_up(encoder, self._coding, self._channels)
        packets, first = encoded_packets(stretch, encoder), stretch.heard_before
        own = packets[first:] if stretch.stop is None else packets[first : first + stretch.stop - stretch.first]
        return lambda: own

    def end(self) -> Packets:
        return []


class _ConstantRate:
    """Frames that use what those before them have left."""

    def __init__(self, coding: Coding, channels: int) -> None:
        self._coding, self._joining = coding, Joining(coding.bit_rate(channels))

    def encode(self, stretch: Stretch) -> Take:
        ways = encodings(stretch, self._coding)
        first = next(ways)
        return lambda: self._joining.add(chain([first], ways))

    def end(self) -> Packets:
        return self._joining.end()


class ParallelMp3:
    """Encodes a stream as it comes; the same sound gives the same packets on any number of cores."""

    def __init__(self, coding: Coding, channels: int) -> None:
        self._way = (_ConstantRate if coding.bit_rates else _VariableRate)(coding, channels)
        cores = min(os.cpu_count() or 1, _MOST_ENCODERS)
        self._pool = ThreadPoolExecutor(cores)
        self._most_waiting = cores + 1
        self._waiting: deque[Future[Take]] = deque()
        self._held: list[Samples] = [np.zeros((channels, 0), dtype=np.float32)]
        self._held_from, self._held_to, self._first = 0, 0, 0

    def feed(self, block: Samples) -> Iterator[Packets]:
        """Take the next samples and yield, in order, what is encoded by now."""
        self._held.append(block)
        self._held_to += block.shape[1]
        while self._held_to >= (self._first + _STRETCH_FRAMES + AFTER_FRAMES) * FRAME:
            self._submit(self._first + _STRETCH_FRAMES)
            while len(self._waiting) > self._most_waiting:
                yield self._taken()

    def flush(self) -> Iterator[Packets]:
        """Yield the rest."""
        self._submit(None)
        while self._waiting:
            yield self._taken()
        yield self._way.end()
        self.close()

    def close(self) -> None:
        """Let nothing more be begun."""
        self._pool.shutdown(cancel_futures=True)

    def _taken(self) -> Packets:
        return self._waiting.popleft().result()()

    def _submit(self, stop: int | None) -> None:
        sound = np.concatenate(self._held, axis=1)
        heard = sound if stop is None else sound[:, : (stop + AFTER_FRAMES) * FRAME - self._held_from]
        stretch = Stretch(heard, self._held_from, self._first, stop)
        self._waiting.append(self._pool.submit(self._way.encode, stretch))
        if stop is not None:
            kept_from = max(0, stop - BEFORE_FRAMES) * FRAME
            self._held = [sound[:, kept_from - self._held_from :]]
            self._held_from, self._first = kept_from, stop
