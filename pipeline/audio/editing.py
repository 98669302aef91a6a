"""Cutting, fading and joining with pydub.

pydub holds a whole segment in memory and copies it at each step, and its readers want a program we do not
ship: it is given PCM of bounded length and nothing else.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

import numpy as np

from pipeline.audio.encode import Pcm

with warnings.catch_warnings():
    # It warns that there is no ffmpeg to call (we call none), and the standard library that audioop is ageing.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

EDGE_FADE_MS = 10
"""Long enough against a click, too short to be heard as a fade."""


def segment(pcm: Pcm, rate: int) -> AudioSegment:
    """Return PCM as a segment."""
    data = np.ascontiguousarray(pcm.T).tobytes()
    return AudioSegment(data=data, sample_width=2, frame_rate=rate, channels=pcm.shape[0])


def samples_of(audio: AudioSegment) -> Pcm:
    """Return a segment's PCM."""
    return np.frombuffer(audio.raw_data, dtype=np.int16).reshape(-1, audio.channels).T


def fade_edges(blocks: Iterable[Pcm], rate: int) -> Iterator[Pcm]:
    """Fade the start of the first block and the end of the last one; the middle passes through untouched."""
    ends: tuple[None] = (None,)
    for number, (block, following) in enumerate(pairwise(chain(blocks, ends))):
        if block is None:
            return
        audio = segment(block, rate) if number == 0 or following is None else None
        if audio is None:
            yield block
            continue
        audio = audio.fade_in(_fade(audio)) if number == 0 else audio
        yield samples_of(audio.fade_out(_fade(audio)) if following is None else audio)


def join_segments(parts: Sequence[AudioSegment], gap_seconds: float) -> AudioSegment:
    """Return the parts one after another with silence between them, each join faded on both sides."""
    last = len(parts) - 1
    gap = AudioSegment.silent(round(gap_seconds * 1000), parts[0].frame_rate).set_channels(parts[0].channels)
    pieces = []
    for number, part in enumerate(parts):
        softened = part.fade_in(_fade(part)) if number else part
        softened = softened.fade_out(_fade(part)) if number < last else softened
        pieces += [softened.raw_data, gap.raw_data] if number < last else [softened.raw_data]
    # One buffer: adding segments in a loop copies everything each time.
    return parts[0]._spawn(b"".join(pieces))  # noqa: SLF001 - pydub's own way to keep rate and width


def _fade(audio: AudioSegment) -> int:
    return min(EDGE_FADE_MS, len(audio) // 2)
