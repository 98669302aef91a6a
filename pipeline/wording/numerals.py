# ruff: noqa: PLR2004 - the numbers of number words
"""Numbers as English words."""

from typing import Final

_SMALL: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LONGEST: Final = 15
"""Numbers of more digits than this are read digit by digit, as a person would."""

_IRREGULAR_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> str:
    """Say a count: 1234 is "one thousand two hundred thirty four"."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _joined(_TENS[number // 10], number % 10)
    for scale, name in _SCALES:
        if number >= scale:
            return _joined(f"{cardinal(number // scale)} {name}", number % scale)
    raise AssertionError(number)


def number(digits: str) -> str:
    """Say a run of digits: as a count, or one by one when it starts with zero or is very long."""
    if len(digits) > _LONGEST or (digits.startswith("0") and len(digits) > 1):
        return spelled(digits)
    return cardinal(int(digits))


def spelled(digits: str) -> str:
    """Say digits one by one."""
    return " ".join(_SMALL[int(digit)] for digit in digits)


def decimal(whole: str, fraction: str) -> str:
    """Say a decimal: 3.14 is "three point one four"."""
    return f"{number(whole or '0')} point {spelled(fraction)}"


def ordinal(value: int) -> str:
    """Say a rank: 21 is "twenty first"."""
    head, _, last = cardinal(value).rpartition(" ")
    return f"{head} {_as_ordinal(last)}".strip()


def year(value: int) -> str:
    """Say a year: 1984 is "nineteen eighty four", 2005 "two thousand five"."""
    century, rest = divmod(value, 100)
    if not 1100 <= value < 2100 or value // 10 == 200:
        return cardinal(value)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(words: str) -> str:
    """Say several of a number: "nineteen eighty" becomes "nineteen eighties"."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def _joined(head: str, rest: int) -> str:
    return f"{head} {cardinal(rest)}" if rest else head


def _as_ordinal(word: str) -> str:
    if word in _IRREGULAR_ORDINALS:
        return _IRREGULAR_ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"
