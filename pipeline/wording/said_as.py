"""Words for text of which its author says what it is: characters, digits, a count, a rank, a day. English."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from pipeline.wording import numerals
from pipeline.wording.spoken_text import day_of_year

_COUNT: Final = re.compile(r"(?P<minus>-?)(?P<digits>\d{1,3}(?:,\d{3}){0,4}|\d{1,15})")
_DAY: Final = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})")
_ORDERS: Final = {"ymd": (0, 1, 2), "mdy": (2, 0, 1), "dmy": (2, 1, 0)}
"""Where year, month and day stand."""


def said_as(kind: str, text: str, form: str = "") -> str:
    """Return a text in words, as what it is said to be; `form` is the order of a day's parts.

    Raises `ValueError` where it is nothing of that kind, and `KeyError` for a kind that is not in `KINDS`.
    """
    say = KINDS[kind]
    return _day(text.strip(), form or "ymd") if say is None else say(text.strip())


def _characters(text: str) -> str:
    said = [numerals.spelled(c) if c.isascii() and c.isdigit() else c for c in text if c.isalnum()]
    return _unless_empty(" ".join(said))


def _digits(text: str) -> str:
    return _unless_empty(numerals.spelled("".join(c for c in text if c.isascii() and c.isdigit())))


def _cardinal(text: str) -> str:
    minus, value = _count(text)
    return f"minus {numerals.cardinal(value)}" if minus else numerals.cardinal(value)


def _ordinal(text: str) -> str:
    minus, value = _count(re.sub(r"(?i)(st|nd|rd|th)$", "", text))
    if minus:
        raise ValueError(text)
    return numerals.ordinal(value)


def _count(text: str) -> tuple[bool, int]:
    found = _COUNT.fullmatch(text)
    if not found:
        raise ValueError(text)
    return bool(found["minus"]), int(found["digits"].replace(",", ""))


def _day(text: str, order: str) -> str:
    found, places = _DAY.fullmatch(text), _ORDERS.get(order)
    if not (found and places):
        raise ValueError(text)
    year, month, day = (int(found.groups()[place]) for place in places)
    date(year, month, day)
    return day_of_year(year, month, day)


def _unless_empty(words: str) -> str:
    if not words:
        raise ValueError(words)
    return words


KINDS: Final[Mapping[str, Callable[[str], str] | None]] = {
    "characters": _characters,
    "spell-out": _characters,
    "digits": _digits,
    "cardinal": _cardinal,
    "number": _cardinal,
    "ordinal": _ordinal,
    "date": None,
}
"""What a text may be said to be."""
ORDERS: Final = tuple(_ORDERS)
