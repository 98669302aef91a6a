"""Cutting, fading and joining with pydub.

pydub holds a whole segment in memory and copies it at each step, and its readers want a program we do not
ship: it is given PCM of bounded length and nothing else.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.audio.activity import WINDOWS_PER_SECOND, decibels, find_activity
from pipeline.audio.encode import Pcm

with warnings.catch_warnings():
    # It warns that there is no ffmpeg to call (we call none), and the standard library that audioop is ageing.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

Powers: TypeAlias = npt.NDArray[np.float64]

EDGE_FADE_MS = 10
"""Long enough against a click, too short to be heard as a fade."""
KEPT_MS = 40
"""Of what surrounds speech, at a cut: the first and last consonants are quieter than what tells speech from silence."""
LEVEL_MOST_DB = 3.0
"""How far a part is moved: two calls for one text differ by less, and what was whispered stays a whisper."""
CLIPPING_DBFS = -0.5
WINDOW_MS = 1000 // WINDOWS_PER_SECOND
LEAST_WINDOWS = WINDOWS_PER_SECOND
"""Below a second of speech its level is that of a few words, not of a voice."""
FULL_SCALE = 32_768


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


def join_segments(parts: Sequence[AudioSegment], gaps: Sequence[float]) -> AudioSegment:
    """Return the parts one after another as if spoken in one go, each join faded on both sides.

    The silence at each join is as long as `gaps` says in seconds, however much of it the parts bring, and parts of one
    voice that differ in level are brought to the level of the middle one, by `LEVEL_MOST_DB` at most.
    """
    heard = [_powers(part) for part in parts]
    levelled = [part.apply_gain(gain) for part, gain in zip(parts, _gains(parts, heard), strict=True)]
    last = len(parts) - 1
    silences = [_silence(parts[0], seconds) for seconds in gaps]
    pieces = []
    for number, (part, powers) in enumerate(zip(levelled, heard, strict=True)):
        begin, end = _speech_ms(powers, len(part))
        cut = part[begin if number else 0 : end if number < last else len(part)]
        softened = cut.fade_in(_fade(cut)) if number else cut
        softened = softened.fade_out(_fade(cut)) if number < last else softened
        pieces += [softened.raw_data, silences[number]] if number < last else [softened.raw_data]
    # One buffer: adding segments in a loop copies everything each time.
    return parts[0]._spawn(b"".join(pieces))  # noqa: SLF001 - pydub's own way to keep rate and width


def _silence(like: AudioSegment, seconds: float) -> bytes:
    silent = AudioSegment.silent(round(seconds * 1000), like.frame_rate).set_channels(like.channels)
    return bytes(silent.raw_data)


def _powers(part: AudioSegment) -> Powers:
    """Return the mean power of each 10 ms, over all channels; full scale is 1."""
    samples = samples_of(part).astype(np.float64) / FULL_SCALE
    window = part.frame_rate // WINDOWS_PER_SECOND
    whole = samples[:, : samples.shape[1] // window * window]
    powers: Powers = np.square(whole).reshape(whole.shape[0], -1, window).mean(axis=(0, 2))
    return powers


def _speech_ms(powers: Powers, length: int) -> tuple[int, int]:
    """Return where speech begins and ends, with what is kept around it; all of it where there is no speech."""
    found = find_activity(powers)
    if found.first is None or found.last is None:
        return 0, length
    begin = found.first * WINDOW_MS - KEPT_MS
    end = (found.last + 1) * WINDOW_MS + KEPT_MS
    # Digital audio rarely ends on a whole window: what is less than one of them is no silence to cut.
    return max(0, begin), length if end >= length - WINDOW_MS else end


def _gains(parts: Sequence[AudioSegment], heard: Sequence[Powers]) -> list[float]:
    """Return by how many dB each part is to be raised; nothing is raised into clipping."""
    levels = [_speech_level(powers) for powers in heard]
    known = [level for level in levels if level is not None]
    if not known:
        return [0.0] * len(parts)
    middle = float(np.median(known))
    wanted = [0.0 if level is None else middle - level for level in levels]
    room = [max(0.0, CLIPPING_DBFS - part.max_dBFS) for part in parts]
    return [min(max(gain, -LEVEL_MOST_DB), LEVEL_MOST_DB, above) for gain, above in zip(wanted, room, strict=True)]


def _speech_level(powers: Powers) -> float | None:
    """Return the level of what is spoken in dBFS (RMS); None where it is too short to tell one."""
    spoken = (1 - find_activity(powers).silence_share) * len(powers)
    return decibels(float(powers.sum()) / spoken) if spoken >= LEAST_WINDOWS else None


def _fade(audio: AudioSegment) -> int:
    return min(EDGE_FADE_MS, len(audio) // 2)
