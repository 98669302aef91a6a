"""What of a line is said otherwise than it is written, and why."""

import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from pipeline.intake.rules.lexicon import Lexicon
from pipeline.intake.rules.pauses import pauses
from pipeline.wording import readings

SAY_HERE = "say_here"
"""The column that keeps what a script says of single words: JSON, [[start, end, word, how], ...]."""


class Spelling(NamedTuple):
    """How a part of a text is said; positions are those of the text as it is sent."""

    start: int
    end: int
    say: str


class Source(StrEnum):
    """Who says that a word is said otherwise."""

    SCRIPT = "script"
    """The script, of this place alone."""
    LEXICON = "lexicon"
    READING = "reading"
    """The rules by which numbers, dates and abbreviations are read."""
    PAUSE = "pause"
    """A pause, which is not said at all."""


class Saying(NamedTuple):
    """A part of a text that is said otherwise, and who says so."""

    start: int
    end: int
    say: str
    source: Source


_SPELLINGS = TypeAdapter(list[tuple[int, int, str, str]])


def kept(spellings: Iterable[Spelling], text: str) -> str:
    """Return the spellings of a text as a column keeps them; nothing where there are none."""
    rows = [(start, end, text[start:end], say) for start, end, say in spellings]
    return json.dumps(rows, ensure_ascii=False) if rows else ""


def found_in(column: str, text: str) -> list[Spelling]:
    """Return the spellings that a column keeps for a text; none where it holds anything else, or is of another text."""
    try:
        rows = _SPELLINGS.validate_json(column)
    except ValidationError:
        return []
    at = 0
    for start, end, word, _ in rows:
        if not at <= start < end <= len(text) or text[start:end] != word:
            return []
        at = end
    return [Spelling(start, end, say) for start, end, _, say in rows]


def sayings(
    text: str, here: Iterable[Spelling], lexicon: Lexicon, character: str, language: str, *, reads: bool
) -> Iterator[Saying]:
    """Yield what of a text is said otherwise, in order.

    What the script says of this place goes before the pauses, these before the lexicon, and that before the rules by
    which numbers are read, which are asked where `reads`. What was put in is not looked up again.
    """
    given = [Saying(start, end, say, Source.SCRIPT) for start, end, say in here]
    paused = _filled(text, given, _paused)
    worded = _filled(text, paused, lambda part: _in_lexicon(part, lexicon, character, language))
    return _filled(text, worded, _read) if reads else worded


def _filled(text: str, given: Iterable[Saying], look: Callable[[str], Iterable[Saying]]) -> Iterator[Saying]:
    """Yield what is given, and what is found between."""
    at = 0
    for saying in given:
        yield from _moved(look(text[at : saying.start]), at)
        yield saying
        at = saying.end
    yield from _moved(look(text[at:]), at)


def _moved(found: Iterable[Saying], by: int) -> Iterator[Saying]:
    return (saying._replace(start=saying.start + by, end=saying.end + by) for saying in found)


def _paused(part: str) -> Iterator[Saying]:
    for start, end, mark in pauses(part):
        yield Saying(start, end, mark, Source.PAUSE)


def _in_lexicon(part: str, lexicon: Lexicon, character: str, language: str) -> Iterator[Saying]:
    for said in lexicon.find(part, character, language):
        yield Saying(said.start, said.end, said.entry.say, Source.LEXICON)


def _read(part: str) -> Iterator[Saying]:
    for start, end, say in readings(part):
        yield Saying(start, end, say, Source.READING)


def applied(text: str, found: Iterable[Saying]) -> str:
    """Return a text with its parts as they are said."""
    parts, at = [], 0
    for saying in found:
        parts += [text[at : saying.start], saying.say]
        at = saying.end
    return "".join([*parts, text[at:]])
