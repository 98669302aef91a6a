"""Captions: what is heard, cut into cues that can be read meanwhile, as WebVTT and as SRT."""

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import webvtt

from pipeline.packs.rules.episode.words import HeardPiece, HeardWord, plain

LONGEST_SECONDS: Final = 7.0
SHORTEST_SECONDS: Final = 1.0
"""For a cue to be read; less only where the next one begins sooner."""
_LINGER_SECONDS: Final = 0.3
"""How long a cue stays after its last word, where nothing follows."""
_ANGLES: Final = str.maketrans("<>", "‹›")
"""SRT has tags, and no way to write what looks like one."""
_SENTENCE: Final = re.compile(r"[.!?…。！？।؟][\"'”’»」』）)\]]*$")
_CLAUSE: Final = re.compile(r"[,;:–—、，；：،؛][\"'”’»」』）)\]]*$")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much text a cue may show at once."""

    line_characters: int
    lines: int = 2


WEBVTT_SHAPE, SRT_SHAPE = Shape(65), Shape(32)
"""Of the Podcasting 2.0 transcript specification; it asks for two lines of SRT, and leaves those of WebVTT open."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines of text and when they are shown, in milliseconds from the start of the file."""

    start_ms: int
    end_ms: int
    speaker: str
    lines: tuple[str, ...]


def as_webvtt(pieces: Iterable[HeardPiece], seconds: float) -> str:
    """Return captions of a file that lasts so long, the speaker of each cue in a voice span."""
    return _written([_webvtt(cue) for cue in cues_of(pieces, seconds, WEBVTT_SHAPE)], "vtt")


def as_srt(pieces: Iterable[HeardPiece], seconds: float) -> str:
    """Return captions of a file that lasts so long, a name where the speaker changes."""
    return _written([_srt(cue) for cue in cues_of(pieces, seconds, SRT_SHAPE, named=True)], "srt")


def cues_of(pieces: Iterable[HeardPiece], seconds: float, shape: Shape, *, named: bool = False) -> list[Cue]:
    """Cut the pieces of a file of `seconds` into cues; with `named` the first of each speaker begins with the name.

    A cue begins with its first word, belongs to one piece, and no two are shown at once.
    """
    spoken: list[_Spoken] = []
    speaker = None
    for piece in (piece for piece in pieces if piece.words):
        now = plain(piece.placed.piece.speaker)
        label = _label(now, piece, shape) if named and now != speaker else None
        for words in _cut(list(piece.words), shape, label):
            head = label if words[0] is piece.words[0] else None
            spoken.append(_Spoken(now, _lines(words, shape, head), words[0].start, words[-1].end))
        speaker = now
    return list(_apart(spoken, seconds))


# --- cutting


@dataclass(frozen=True, slots=True)
class _Label:
    """A speaker's name as SRT shows it; `alone` in a line of its own."""

    text: str
    alone: bool


def _label(name: str, piece: HeardPiece, shape: Shape) -> _Label | None:
    if not name:
        return None
    text = f"{name}:" if len(name) < shape.line_characters else f"{name[: shape.line_characters - 2]}…:"
    # In one line a name in another script than the text would turn its direction.
    turned = _right_to_left(name) != _right_to_left(plain(piece.placed.piece.text))
    return _Label(text, alone=turned or len(f"{text} {piece.words[0].text}") > shape.line_characters)


def _right_to_left(text: str) -> bool:
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((direction for direction in directions if direction in ("L", "R", "AL")), "L") != "L"


def _cut(words: list[HeardWord], shape: Shape, label: _Label | None) -> Iterator[list[HeardWord]]:
    """Yield the cues of a piece, such that the sum of what is wrong with each is least."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    """Up to each word: the least sum, and where the last cue of it begins."""
    for end in range(1, len(words) + 1):
        choices = []
        for start in range(end - 1, -1, -1):
            cue = words[start:end]
            if start < end - 1 and not _fits(cue, shape, label if start == 0 else None):
                break
            choices.append((best[start][0] + _fault(cue, last=end == len(words)), start))
        best.append(min(choices))
    cuts = [len(words)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    yield from (words[start:end] for start, end in pairwise(reversed(cuts)))


def _fits(cue: Sequence[HeardWord], shape: Shape, label: _Label | None) -> bool:
    return cue[-1].end - cue[0].start <= LONGEST_SECONDS and _break(cue, shape, label) is not None


def _fault(cue: Sequence[HeardWord], *, last: bool) -> float:
    """Return what is wrong with a cue: that it is one more, ends amid a thought, passes by too fast, holds a pause."""
    ends = 0.0 if last else _roughness(cue[-1])
    hasty = 1.0 if cue[-1].end - cue[0].start < SHORTEST_SECONDS else 0.0
    pauses = sum(max(0.0, after.start - before.end - _LINGER_SECONDS) for before, after in pairwise(cue))
    return 1.0 + 2.0 * ends + hasty + 2.0 * pauses


def _roughness(word: HeardWord) -> float:
    """Return how much a break after a word disturbs who reads: 0 at the end of a sentence, 1 amid a clause."""
    if _SENTENCE.search(word.text):
        return 0.0
    return 0.3 if _CLAUSE.search(word.text) else 1.0


# --- lines


def _break(cue: Sequence[HeardWord], shape: Shape, label: _Label | None) -> int | None:
    """Return how many words the first line has, all where one line is enough; None where they do not fit in two."""
    ends = list(accumulate((len(word.text) + (not word.glued) for word in cue), initial=0))
    head = len(label.text) + 1 if label else 0
    room = shape.line_characters + 1
    if label and label.alone:
        return 0 if ends[-1] <= room else None
    if head + ends[-1] <= room:
        return len(cue)
    choices = [at for at in range(1, len(cue)) if head + ends[at] <= room and ends[-1] - ends[at] <= room]
    return min(choices, key=lambda at: _unevenness(cue, at, head + ends[at], ends[-1] - ends[at]), default=None)


def _unevenness(cue: Sequence[HeardWord], at: int, upper: int, lower: int) -> float:
    return 20.0 * _roughness(cue[at - 1]) + abs(upper - lower)


def _lines(cue: Sequence[HeardWord], shape: Shape, label: _Label | None) -> tuple[str, ...]:
    at = _break(cue, shape, label)
    upper, lower = (_joined(part) for part in (cue[:at], cue[at:] if at is not None else ()))
    first = f"{label.text} {upper}" if label else upper
    return tuple(line.strip() for line in (first, lower) if line.strip())


def _joined(words: Iterable[HeardWord]) -> str:
    return "".join(word.text if word.glued else f" {word.text}" for word in words).strip()


# --- times and files


class _Spoken(NamedTuple):
    """A cue and when its words are heard, in seconds."""

    speaker: str
    lines: tuple[str, ...]
    start: float
    end: float


def _apart(spoken: Sequence[_Spoken], seconds: float) -> Iterator[Cue]:
    """Yield cues that stay long enough to be read and end before the next begins."""
    shown = 0
    for number, cue in enumerate(spoken, start=1):
        wanted = max(cue.start + SHORTEST_SECONDS, cue.end + _LINGER_SECONDS)
        after = spoken[number].start if number < len(spoken) else seconds
        start_ms = max(shown, round(cue.start * 1000))
        shown = max(start_ms + 1, round(1000 * min(wanted, after)))
        yield Cue(start_ms, shown, cue.speaker, cue.lines)


def _webvtt(cue: Cue) -> webvtt.Caption:
    voice = f"<v {escape(cue.speaker)}>" if cue.speaker else ""
    first, *rest = (escape(line, quote=False) for line in cue.lines)
    return _caption(cue, [voice + first, *rest])


def _srt(cue: Cue) -> webvtt.Caption:
    return _caption(cue, [line.replace("-->", "→").translate(_ANGLES) for line in cue.lines])


def _caption(cue: Cue, lines: Sequence[str]) -> webvtt.Caption:
    return webvtt.Caption(_stamp(cue.start_ms), _stamp(cue.end_ms), lines)


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def _written(captions: Sequence[webvtt.Caption], format: str) -> str:  # noqa: A002 - webvtt-py's own word
    out = io.StringIO()
    webvtt.WebVTT(captions=list(captions)).write(out, format)
    return f"{out.getvalue().rstrip()}\n"
