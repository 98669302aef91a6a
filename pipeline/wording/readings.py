"""What of an English text is read otherwise than it is written: numbers, dates, money, units, abbreviations.

The letters stay as they are, whatever their script: names keep their accents, and a voice its own way with them.
"""

import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from pipeline.wording.spoken_text import RULES, SYMBOLS

_TOKEN: Final = re.compile(r"\S+")
_SAID_SYMBOLS: Final = {sign: words for sign, words in SYMBOLS.items() if any(map(str.isalpha, words))}
_VULGAR: Final = re.compile("(\\d?)\\s?([\u00bc-\u00be\u2150-\u215e])")
_MAY_DIFFER: Final = re.compile(
    r"[^\W\d_]\.|[A-Z]{2}|[a-z][A-Z]|[^\w\s,.;:!?'\"()’‘“”…—-]|\d|\bSt\b|\b(?:Mr|Mrs|Ms|Dr)\b|[A-Z]\b"
)
_OPENING: Final = "([{\"'“‘"
_CLOSING: Final = ")]}\"'”’,.;:!?…"
LANGUAGE: Final = "en"
"""The only one whose numbers are read."""


class Reading(NamedTuple):
    """A part of a text, and the words that it is read as."""

    start: int
    end: int
    words: str


def reads(language: str) -> bool:
    """Tell whether texts in a language (a BCP-47 tag) are read; others are left as they are written."""
    return language.partition("-")[0].lower() == LANGUAGE


def readings(text: str) -> Iterator[Reading]:
    """Yield the parts of a text that are read otherwise, in order; each begins and ends between words."""
    if not _MAY_DIFFER.search(text):
        return
    tokens = list(_TOKEN.finditer(text))
    written, said = [token.group() for token in tokens], _said(text).split()
    for change, first, end, said_first, said_end in SequenceMatcher(None, written, said, autojunk=False).get_opcodes():
        words = _tidied(" ".join(said[said_first:said_end]))
        if change == "equal" or first == end:
            continue
        start, stop = tokens[first].start(), tokens[end - 1].end()
        if words and _letters(words) != _letters(text[start:stop]):
            yield Reading(start, stop, words)


def _said(text: str) -> str:
    words = _VULGAR.sub(_fraction, text)
    for pattern, say in RULES:
        words = pattern.sub(say, words)
    return "".join(_SAID_SYMBOLS.get(character, character) for character in words)


def _fraction(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", match[2])
    return f"{match[1]} and {plain}" if match[1] else plain


def _tidied(words: str) -> str:
    """Put marks back to the words they stood at: rules keep what they write apart from all around it."""
    plain = re.sub(r"\s+([,.;:!?…)\]])", r"\1", words)
    plain = re.sub(r"([(\[])\s+", r"\1", plain)
    plain = re.sub(rf"^([{re.escape(_OPENING)}]+)\s+", r"\1", plain)
    return re.sub(rf"\s+([{re.escape(_CLOSING)}]+)$", r"\1", plain)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
