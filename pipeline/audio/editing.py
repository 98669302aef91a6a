"""Cutting, fading and joining with pydub.

pydub holds a whole segment in memory and copies it at each step, and its readers want a program we do not
ship: it is given PCM of bounded length and nothing else.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence

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
    """Fade the start of the first block and the end of the last one; the middle passes through untouched.

    Up to a millisecond may go at the very end, where the fade has reached silence.
    """
    first, last = True, None
    for block in _without_slivers(blocks, rate * EDGE_FADE_MS // 1000):
        if last is not None:
            yield last
        last, first = (_faded_in(block, rate) if first else block), False
    if last is not None:
        yield _faded_out(last, rate)


def _without_slivers(blocks: Iterable[Pcm], least: int) -> Iterator[Pcm]:
    """Join what is shorter than a fade to the block before it: a resampler ends on such a rest."""
    held: Pcm | None = None
    for block in blocks:
        if held is not None and block.shape[1] < least:
            held = np.concatenate((held, block), axis=1)
            continue
        if held is not None:
            yield held
        held = block
    if held is not None:
        yield held


def _faded_in(block: Pcm, rate: int) -> Pcm:
    audio = segment(block, rate)
    # pydub rounds to whole milliseconds, dropping or padding the end: in the middle of the sound that would click.
    faded = samples_of(audio.fade_in(_fade(audio)))[:, : block.shape[1]]
    return np.concatenate((faded, block[:, faded.shape[1] :]), axis=1)


def _faded_out(block: Pcm, rate: int) -> Pcm:
    audio = segment(block, rate)
    return samples_of(audio.fade_out(_fade(audio)))[:, : block.shape[1]]


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
