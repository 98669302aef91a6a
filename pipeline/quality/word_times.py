"""When each written word of a take is heard, punctuation and all, however it was said."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from pipeline.quality.ears import Judging
from pipeline.quality.expectation import Expectation
from pipeline.quality.script import Script, primary
from pipeline.quality.verdict import SpokenWord

_TOKEN: Final = re.compile(r"\S+")
_NEAR: Final = 4
"""Words on each side that decide how one is read: no rule of `pipeline.wording` looks further."""
_LANGUAGE: Final = "en"
"""The one that the aligner knows; a take in another has no words to map."""
_ALIGNER: Final = "pocketsphinx"

Reading = tuple[str, ...]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Respelled:
    """A stretch of a written text that was sent otherwise: `said` in place of `text[start:end]`."""

    start: int
    end: int
    said: str


@dataclass(frozen=True, slots=True)
class WordTime:
    """A word as it is written, and when it is heard, in seconds from the start of the take.

    Several words where they were said as one: `$5 million` has no dollar before its million. What makes no sound, such
    as a dash, has no length.
    """

    text: str
    start: float
    end: float


def word_times(
    gate: Judging,
    take: bytes,
    format: str,  # noqa: A002 - the field's name in every speech API
    text: str,
    respelled: Sequence[Respelled] = (),
    *,
    language: str = _LANGUAGE,
    speed: float = 1.0,
) -> tuple[WordTime, ...] | None:
    """Listen to a take and say when the words of its written text are heard.

    `respelled` lists, in order and apart, what was sent otherwise. None where the words were not found: another
    language than English, no aligner installed, or a take that does not speak this text.
    """
    if primary(language) != _LANGUAGE or find_spec(_ALIGNER) is None:
        return None  # listening would cost as much, and tell no words
    expected = Expectation(_said(text, (0, len(text)), respelled), language, speed)
    return written_times(text, gate.judge(take, format, expected).words, respelled)


def written_times(
    text: str, words: Sequence[SpokenWord], respelled: Sequence[Respelled] = ()
) -> tuple[WordTime, ...] | None:
    """Give each written word the time of what was said for it.

    `words` are those of a verdict on a take that was sent this text. None where there are none, or where they are
    not the words of the text: nothing is guessed.
    """
    groups = list(_groups(text, respelled))
    said = [tuple(_readings(_said(text, _span(group), respelled))) for group in groups]
    counts = _matched(said, [word.word for word in words]) if words else None
    if counts is None:
        return None
    return tuple(_timed(text, zip(groups, counts, strict=True), words))


def _said(text: str, span: Span, respelled: Iterable[Respelled]) -> str:
    """Return what was sent of a stretch of the text."""
    at, parts = span[0], []
    for other in respelled:
        if span[0] <= other.start and other.end <= span[1]:
            parts += [text[at : other.start], other.said]
            at = other.end
    return "".join([*parts, text[at : span[1]]])


def _span(tokens: Sequence[Span]) -> Span:
    return tokens[0][0], tokens[-1][1]


def _readings(said: str) -> list[Reading]:
    return list(Script.of(said, _LANGUAGE).readings()) or [()]


def _groups(text: str, respelled: Sequence[Respelled]) -> Iterator[list[Span]]:
    """Yield the written words, together those that are not read as they would be alone (`5 km`, `St. John`)."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    group: list[Span] = []
    for number, token in enumerate(tokens):
        group.append(token)
        if number + 1 == len(tokens) or _apart(text, tokens, number + 1, respelled):
            yield group
            group = []


def _apart(text: str, tokens: list[Span], cut: int, respelled: Sequence[Respelled]) -> bool:
    """Tell whether the words before and after a cut are read the same without each other."""
    if any(other.start < tokens[cut][0] < other.end for other in respelled):
        return False
    before, after = tokens[max(0, cut - _NEAR) : cut], tokens[cut : cut + _NEAR]
    left, right, whole = (_readings(_said(text, _span(part), respelled))[0] for part in (before, after, before + after))
    return left + right == whole


def _matched(groups: Sequence[Sequence[Reading]], words: Sequence[str]) -> list[int] | None:
    """Return how many of the words each group was said with; None where they do not come out even."""
    reached: list[dict[int, int]] = [{0: 0}]
    """After each group: where in the words one may stand, and how many of them the group took to get there."""
    for readings in groups:
        step: dict[int, int] = {}
        for at in reached[-1]:
            for reading in readings:
                if tuple(words[at : at + len(reading)]) == reading:
                    step.setdefault(at + len(reading), len(reading))
        reached.append(step)
    at, counts = len(words), []
    for step in reversed(reached[1:]):
        if at not in step:
            return None
        counts.append(step[at])
        at -= step[at]
    return counts[::-1] if at == 0 else None


def _timed(text: str, counted: Iterable[tuple[list[Span], int]], words: Sequence[SpokenWord]) -> Iterator[WordTime]:
    at, end = 0, words[0].start
    for group, count in counted:
        heard = words[at : at + count]
        at += count
        if not heard:
            yield WordTime(_written(text, group), end, end)
        elif count == len(group):
            yield from (
                WordTime(_written(text, [one]), word.start, word.end) for one, word in zip(group, heard, strict=True)
            )
        else:
            yield WordTime(_written(text, group), heard[0].start, heard[-1].end)
        end = heard[-1].end if heard else end


def _written(text: str, group: Sequence[Span]) -> str:
    return " ".join(text[start:end] for start, end in group)
