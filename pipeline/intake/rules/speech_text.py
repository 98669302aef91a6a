"""What is sent to be spoken."""

import re
import unicodedata

_CLOSING = "\"'”’»」』）)\\]"
_BREAKS = (
    re.compile(rf"[.!?…]+[{_CLOSING}]*(?=\s)|[。！？｡।؟۔]+[{_CLOSING}]*"),
    re.compile(rf"[,;:–—]+[{_CLOSING}]*(?=\s)|[、，；：،؛]"),
    re.compile(r"(?=\s)"),
)
"""Where a text may be cut, best first: after sentences, after clauses, before white space."""

_JOINER = "\u200d"


def spoken_text(text: str) -> str:
    """Return the text as it is sent: NFC, every run of white space one space, none at the ends.

    Two lines with the same spoken text sound the same. A direction is never part of it.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def can_be_spoken(text: str) -> bool:
    """Tell whether a text holds anything that has a sound: a letter or a digit."""
    return any(map(str.isalnum, text))


def split_text(text: str, limit: int) -> list[str]:
    """Cut a text into pieces of at most `limit` characters; nothing but white space is lost.

    Each cut is at the last sentence end that fits, else the last clause, else the last space; inside a word only
    where the word alone is longer than `limit`. Raises `ValueError` where `limit` is below 1.
    """
    if limit < 1:
        raise ValueError("limit must be at least 1")
    pieces = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def _cut(text: str, limit: int) -> int:
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(text, 0, limit + 1) if 0 < match.end() <= limit]
        if ends:
            return ends[-1]
    return _between_characters(text, limit)


def _between_characters(text: str, limit: int) -> int:
    """Return the last place up to `limit` that does not tear an accent or a joined emoji from its letter."""
    cut = limit
    while cut and (_continues(text[cut]) or text[cut - 1] == _JOINER):
        cut -= 1
    return cut or limit


def _continues(character: str) -> bool:
    return character == _JOINER or unicodedata.category(character).startswith("M")
