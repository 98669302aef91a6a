"""When each word of an episode is heard: from its take where the words of that are known, else by its letters."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Final

from wcwidth import iter_graphemes

from pipeline.packs.rules.episode.timeline import Placed, Timeline
from pipeline.quality.word_times import WordTime

LONGEST_WORD: Final = 30
"""Characters; what is longer is cut, so that it fits any line of captions."""
_SHORTEST_SECONDS: Final = 0.01
"""A frame of the aligner; what lasts no longer makes no sound."""
_CLAUSE_OF_IDEOGRAPHS: Final = re.compile(r"(?<=[。！？、，；：])")
_MARKS_OF_ADDRESSES: Final = frozenset("/?&=#_.-")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as it is written, in seconds from the start of the file; `glued` where no space stands before it."""

    text: str
    start: float
    end: float
    glued: bool = False


@dataclass(frozen=True, slots=True)
class HeardPiece:
    """A piece and its words; `estimated` where these were spread over its sound by their letters.

    Even then the first begins and the last ends with the piece.
    """

    placed: Placed
    words: Sequence[HeardWord]
    estimated: bool


WordTimes = Mapping[str, Sequence[WordTime] | None]
"""By line, in seconds of its take; nothing for a take whose words were not found."""


def heard_pieces(timeline: Timeline, times: WordTimes) -> list[HeardPiece]:
    """Return each placed piece with its words; one without anything to show has none."""
    return [_heard(placed, times.get(placed.piece.line_id)) for placed in timeline.placed]


def plain(text: str) -> str:
    """Return a text in one line, without characters that control a terminal or that XML forbids."""
    shown = (character for character in text if character.isspace() or not _hidden(character))
    return " ".join("".join(shown).split())


def _hidden(character: str) -> bool:
    return character in "\ufffe\uffff" or unicodedata.category(character) in ("Cc", "Cs")


def _heard(placed: Placed, times: Sequence[WordTime] | None) -> HeardPiece:
    timed = [_in_file(word, placed) for word in times or ()]
    words = timed or _spread(plain(placed.piece.text).split(), placed.start, placed.end)
    whole = _bounded(list(_voiced(words)), placed) if words else []
    return HeardPiece(placed, [part for word in whole for part in _cut(word)], estimated=not timed)


def _in_file(word: WordTime, placed: Placed) -> HeardWord:
    start, end = (
        min(max(placed.start + seconds - placed.first, placed.start), placed.end) for seconds in (word.start, word.end)
    )
    return HeardWord(plain(word.text), start, end)


def _spread(texts: Sequence[str], start: float, end: float) -> list[HeardWord]:
    """Share out the time between words by their characters."""
    ends = list(accumulate(map(len, texts), initial=0))
    bounds = [start + (end - start) * share / ends[-1] for share in ends if ends[-1]]
    return [HeardWord(text, *span) for text, span in zip(texts, pairwise(bounds), strict=True)]


def _voiced(words: Sequence[HeardWord]) -> Iterator[HeardWord]:
    """Yield the words, what makes no sound joined to its neighbour: a dash is nothing to show alone."""
    whole = words[0]
    for word in words[1:]:
        if min(word.end - word.start, whole.end - whole.start) < _SHORTEST_SECONDS:
            whole = HeardWord(f"{whole.text} {word.text}", whole.start, max(whole.end, word.end))
        else:
            yield whole
            whole = word
    yield whole


def _bounded(words: Sequence[HeardWord], placed: Placed) -> list[HeardWord]:
    """Let the first begin and the last end with the piece, whose edges were measured in its sound."""
    first, last = words[0], words[-1]
    begun = [HeardWord(first.text, placed.start, first.end), *words[1:]]
    return [*begun[:-1], HeardWord(last.text, begun[-1].start, placed.end)]


def _cut(word: HeardWord) -> list[HeardWord]:
    """Cut what is too long for a line: at spaces, after the marks of ideographs, else anywhere."""
    if len(word.text) <= LONGEST_WORD:
        return [word]
    parts = [(part, number > 0) for text in word.text.split() for number, part in enumerate(_short(text))]
    timed = _spread([part for part, _ in parts], word.start, word.end)
    return [replace(one, glued=glued) for one, (_, glued) in zip(timed, parts, strict=True)]


def _short(text: str) -> Iterator[str]:
    """Cut a text into parts of a line at most: addresses after their marks, and nothing inside a visible character."""
    for clause in filter(None, _CLAUSE_OF_IDEOGRAPHS.split(text)):
        yield from _gathered(part for step in _steps(clause) for part in _gathered(iter_graphemes(step)))


def _steps(text: str) -> Iterator[str]:
    step = ""
    for grapheme in iter_graphemes(text):
        step += grapheme
        if grapheme in _MARKS_OF_ADDRESSES:
            yield step
            step = ""
    if step:
        yield step


def _gathered(parts: Iterable[str]) -> Iterator[str]:
    """Join parts for as long as they fit a line."""
    whole = ""
    for part in parts:
        if whole and len(whole) + len(part) > LONGEST_WORD:
            yield whole
            whole = ""
        whole += part
    if whole:
        yield whole
