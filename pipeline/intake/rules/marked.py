"""Text of a script with marks in it for what is heard and not written: pauses, emphasis, how a word is said.

The marks are noncharacters, which Unicode keeps for a program's own use. They survive whatever a reader does to the
text around them; `written` and `resolved` take them out.
"""

import re
from collections.abc import Iterator, Sequence

from pipeline.intake.rules.pauses import WRITTEN, has_pauses
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.saying import Spelling
from pipeline.intake.rules.speech_text import spoken_text

EMPHASIS = "\ufdd5"
"""Stands where emphasis begins."""
COLON = "\ufdd6"
"""Stands for a colon that makes no speaker of what is in front of it."""
_WORD, _AS, _END = "\ufdd0", "\ufdd1", "\ufdd2"
_PAUSE, _PAUSED = "\ufdd3", "\ufdd4"
_SAID = re.compile(f"{_WORD}([^{_WORD}{_AS}]*){_AS}([^{_END}]*){_END}")
_KEPT = re.compile(f"{_SAID.pattern}|{WRITTEN.pattern}", re.IGNORECASE)
_PAUSES = re.compile(f"{_PAUSE}([^{_PAUSED}]*){_PAUSED}")
_ANY = re.compile(f"[{_WORD}-{COLON}]")
_INNER = re.compile(f"[{_WORD}{_PAUSE}]")


def refuse_marks(lines: Sequence[str]) -> None:
    """Raise `Refusal` where a file holds what the marks are made of."""
    for number, line in enumerate(lines, 1):
        if found := _ANY.search(line):
            message = f"line {number} contains U+{ord(found[0]):04X}, which is no character"
            raise Refusal(message, hint="delete it; it often comes with text pasted from another program")


def has_marks(text: str) -> bool:
    """Tell whether a text holds what the marks are made of."""
    return _ANY.search(text) is not None


def said_as(word: str, say: str) -> str:
    """Return a word with a mark of how it is said."""
    return f"{_WORD}{word}{_AS}{say}{_END}"


def pause(seconds: float) -> str:
    """Return the mark of a pause."""
    return f"{_PAUSE}{seconds!r}{_PAUSED}"


def before_marks(text: str) -> str:
    """Return what stands before the first word that is said otherwise, and before the first pause."""
    return _INNER.split(text, maxsplit=1)[0]


def pieces(text: str) -> Iterator[tuple[str, float | None]]:
    """Yield what stands between pauses, each with the seconds of the pause behind it; None behind the last."""
    parts = _PAUSES.split(text)
    for said, seconds in zip(parts[::2], [*parts[1::2], None], strict=True):
        yield said, None if seconds is None else float(seconds)


def written(text: str) -> str:
    """Return a text as it is written, without its marks."""
    return _ANY.sub("", _PAUSES.sub("", _SAID.sub(r"\1", text.replace(COLON, ":"))))


def resolved(text: str) -> tuple[str, tuple[Spelling, ...]]:
    """Return a text as it is written, and where its words are said otherwise.

    One with such words is kept as it is sent, so that the places stay true. What looks like a pause here is none, or it
    would have a mark: it is said as it stands.
    """
    if not (_SAID.search(text) or has_pauses(text)):
        return written(text), ()
    spaced = spoken_text(text.replace(EMPHASIS, "").replace(COLON, ":"))
    parts, spellings, at, length = [], [], 0, 0
    for found in _KEPT.finditer(spaced):
        word, say = (found[0], found[0]) if found[1] is None else (found[1], found[2])
        before = spaced[at : found.start()]
        start = length + len(before)
        parts += [before, word]
        length, at = start + len(word), found.end()
        spellings.append(Spelling(start, length, say))
    return "".join([*parts, spaced[at:]]), tuple(spellings)
