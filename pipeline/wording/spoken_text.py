# ruff: noqa: PLR2004 - clocks, calendars and fractions
"""Writes text out the way it is said: numbers, money, dates, abbreviations and symbols become words."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from pipeline.wording import numerals
from pipeline.wording.scripts import to_latin

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

LONGEST_CHUNK = 220
"""Characters in one call of an engine: a few sentences, well under the 300 phonemes that stay quick and small."""

_TITLES: Final = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "jr": "junior", "sr": "senior",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "capt": "captain",
    "lt": "lieutenant", "sgt": "sergeant", "col": "colonel", "gen": "general", "cmdr": "commander", "rev": "reverend",
    "hon": "honorable", "ave": "avenue", "blvd": "boulevard", "rd": "road", "mt": "mount", "ft": "fort",
    "inc": "incorporated", "ltd": "limited", "corp": "corporation", "bros": "brothers", "vol": "volume",
    "fig": "figure", "ch": "chapter", "pp": "pages", "gov": "governor", "sen": "senator", "pres": "president",
    "jan": "January", "feb": "February", "apr": "April", "aug": "August", "sept": "September", "sep": "September",
    "oct": "October", "nov": "November", "dec": "December",
}  # fmt: skip
_ALWAYS_DOTTED: Final = "|".join(sorted(_TITLES, key=len, reverse=True))
_WITHOUT_DOT: Final = "Mr|Mrs|Ms|Dr"
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_CURRENCIES: Final = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", "sen")}
_UNITS: Final = {
    "km/h": "kilometers per hour", "mph": "miles per hour", "kbit/s": "kilobits per second", "km": "kilometers",
    "cm": "centimeters", "mm": "millimeters", "m": "meters", "kg": "kilograms", "mg": "milligrams", "g": "grams",
    "lbs": "pounds", "lb": "pounds", "oz": "ounces", "ml": "milliliters", "l": "liters", "kHz": "kilohertz",
    "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz", "dB": "decibels", "KB": "kilobytes", "kB": "kilobytes",
    "MB": "megabytes", "GB": "gigabytes", "TB": "terabytes", "ms": "milliseconds", "kW": "kilowatts", "W": "watts",
    "s": "seconds", "min": "minutes", "h": "hours", "ft": "feet", "in": "inches", "mi": "miles",
}  # fmt: skip
_ROMANS: Final = {
    "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12,
    "XIII": 13, "XIV": 14, "XV": 15, "XVI": 16, "XVII": 17, "XVIII": 18, "XIX": 19, "XX": 20,
}  # fmt: skip
_NUMBERED: Final = "chapter|part|act|book|volume|scene|section|phase|world war|type|class|level|episode|season"
SYMBOLS: Final = {
    "&": " and ", "@": " at ", "+": " plus ", "=": " equals ", "%": " percent ", "°": " degrees ", "×": " times ",
    "÷": " divided by ", "#": " hash ", "$": " dollars ", "£": " pounds ", "€": " euros ", "¥": " yen ", "<": " ",
    ">": " ", "_": " ", "*": " ", "~": " ", "^": " ", "|": ", ", "\\": " ", "[": " (", "]": ") ", "{": " (", "}": ") ",
    "/": " slash ",
}  # fmt: skip
_ACRONYM_LENGTH: Final = 5


def spoken(text: str) -> str:
    """Return the text in words: ASCII letters, apostrophes and punctuation, no digit and no symbol."""
    words = to_latin(text)
    for pattern, say in RULES:
        words = pattern.sub(say, words)
    words = "".join(SYMBOLS.get(character, character) for character in words)
    return re.sub(r"[^\S\n]+", " ", re.sub(r"\s+([,.;:!?])", r"\1", words)).strip()


def chunks(words: str, longest: int = LONGEST_CHUNK) -> Iterator[str]:
    """Split at sentence ends, then at clauses, then between words, and join short neighbours up to the length.

    Pieces without a letter are left out: an engine would make a noise of them.
    """
    current = ""
    for piece in filter(_has_letter, _pieces(words, longest)):
        if current and len(current) + len(piece) >= longest:
            yield current
            current = ""
        current = f"{current} {piece}".strip()
    if current:
        yield current


_SENTENCES = re.compile(r"(?<=[.!?;:])[\"')]*\s+|\n+")
_CLAUSES = re.compile(r"(?<=,)\s+|\s+(?=—)")


def _has_letter(piece: str) -> bool:
    return any(character.isalpha() for character in piece)


def _pieces(words: str, longest: int) -> Iterator[str]:
    for sentence in _SENTENCES.split(words):
        for clause in [sentence] if len(sentence) <= longest else _CLAUSES.split(sentence):
            for word in [clause] if len(clause) <= longest else clause.split():
                yield from (word[start : start + longest] for start in range(0, len(word), longest))


def _money(match: re.Match[str]) -> str:
    unit, part = _CURRENCIES[match["sign"]]
    whole, fraction, scale = match["whole"].replace(",", ""), match["fraction"], match["scale"]
    if scale:
        amount = numerals.decimal(whole, fraction) if fraction else numerals.number(whole)
        return f" {amount} {_MONEY_SCALES.get(scale.lower(), scale.lower())} {_several(unit)}"
    if fraction and len(fraction) != 2:
        return f" {numerals.decimal(whole, fraction)} {_several(unit)}"
    said = [] if fraction and int(whole) == 0 else [_counted(whole, unit)]
    if fraction and int(fraction):
        said.append(_counted(str(int(fraction)), part))
    return " " + (" and ".join(said) or _counted("0", unit))


_MONEY_SCALES: Final = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}


def _counted(digits: str, unit: str) -> str:
    return f"{numerals.number(digits)} {unit if digits == '1' else _several(unit)}"


def _several(unit: str) -> str:
    return {"penny": "pence", "yen": "yen", "sen": "sen"}.get(unit, unit + "s")


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"]
    said = [numerals.cardinal(hour)]
    if minute:
        said.append(("oh " if minute < 10 else "") + numerals.cardinal(minute))
    elif not half:
        said.append("o'clock" if 1 <= hour <= 12 else "hundred")
    if half:
        said.append(f"{half[0].upper()} M")
    return " ".join(said) + _full_stop(match)


def _full_stop(match: re.Match[str]) -> str:
    """An abbreviation's last dot also ends the sentence when a capital or nothing follows."""
    ends = re.match(r"\s+[A-Z]|\s*$", match.string[match.end() :])
    return "." if match[0].endswith(".") and ends else ""


def _iso_date(match: re.Match[str]) -> str:
    month, day = int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return " ".join(numerals.number(part) for part in match[0].split("-"))
    return day_of_year(int(match["year"]), month, day)


def day_of_year(year: int, month: int, day: int) -> str:
    """Say a calendar day: "May first, twenty twenty four"."""
    return f"{_MONTHS[month - 1]} {numerals.ordinal(day)}, {numerals.year(year)}"


def _decade(match: re.Match[str]) -> str:
    return numerals.plural(numerals.year(int(match["year"])))


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match["above"]), int(match["below"])
    if below not in range(2, 101) or above > 99:
        return f"{numerals.number(match['above'])} over {numerals.number(match['below'])}"
    name = {2: "half", 4: "quarter"}.get(below) or numerals.ordinal(below)
    if above != 1:
        name = "halves" if below == 2 else name + "s"
    return f" {numerals.cardinal(above)} {name}"


def _with_unit(match: re.Match[str]) -> str:
    unit = _UNITS[match["unit"]]
    if match["number"] == "1":
        unit = {"feet": "foot", "inches": "inch", "hertz": "hertz"}.get(unit) or re.sub(
            r"s( per|$)", r"\1", unit, count=1
        )
    return f"{match['number']} {unit}"


def _degrees(match: re.Match[str]) -> str:
    scale = {"C": " Celsius", "F": " Fahrenheit"}.get(match["scale"] or "", "")
    return f" degrees{scale} "


def _plain(match: re.Match[str]) -> str:
    whole, fraction = match["whole"].replace(",", ""), match["fraction"]
    if fraction:
        return f" {numerals.decimal(whole, fraction)} "
    if len(whole) == 4 and "," not in match["whole"] and not whole.startswith("0"):
        return f" {numerals.year(int(whole))} "
    return f" {numerals.number(whole)} "


def _address(match: re.Match[str]) -> str:
    said = re.sub(r"^https?://", "", match[0])
    return re.sub(r"[./:@-]", lambda sign: _ADDRESS_SIGNS[sign[0]], said)


_ADDRESS_SIGNS: Final = {".": " dot ", "/": " slash ", ":": " colon ", "@": " at ", "-": " dash "}


def _roman(match: re.Match[str]) -> str:
    value = _ROMANS[match["roman"]]
    numbered = re.fullmatch(_NUMBERED, match["before"], re.IGNORECASE)
    return f"{match['before']} {numerals.cardinal(value) if numbered else 'the ' + numerals.ordinal(value)}"


def _acronym(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(".", "")) + _full_stop(match)


def _letters(match: re.Match[str]) -> str:
    """Spell capitals that cannot be a word: no vowel among them."""
    return " ".join(match[0])


def _rule(pattern: str, say: Callable[[re.Match[str]], str] | str, flags: int = 0) -> Rule:
    return re.compile(pattern, flags), (lambda match: match.expand(say)) if isinstance(say, str) else say


_NUMBER: Final = r"(?<![\w.])(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<fraction>\d+))?"
_ROMAN_WORDS: Final = "|".join(sorted((r for r in _ROMANS if len(r) > 1), key=len, reverse=True))
_UNIT_WORDS: Final = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))

RULES: Final[tuple[Rule, ...]] = (
    _rule(r"https?://[\w./:@?=&%#~+-]*[\w/]|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\bwww\.[\w./-]*\w", _address),
    _rule(r"\b([a-z][\w-]*)\.(com|org|net|io|dev|gov|edu|wav|mp3|txt|json|csv|py)\b", r"\1 dot \2"),
    _rule(r"\b[Ee]\.g\.,?", "for example,"),
    _rule(r"\b[Ii]\.e\.,?", "that is,"),
    _rule(r"\b(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d))?\s*(?P<half>[AaPp])\.?[Mm]\b\.?", _clock),
    _rule(r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?P<half>)\b", _clock),
    _rule(r"\b(?:[A-Za-z]\.){2,}", _acronym),
    _rule(r"\bSt\.?(?=\s+[A-Z])", "Saint"),
    _rule(r"\b[Ss]t\.", "street"),
    _rule(r"\bNo\.\s*(?=\d)", "number "),
    _rule(rf"\b({_WITHOUT_DOT})\b\.?(?=\s+[A-Z])", lambda match: _TITLES[match[1].lower()]),
    _rule(rf"\b({_ALWAYS_DOTTED})\.(?!\w)", lambda match: _TITLES[match[1].lower()], re.IGNORECASE),
    _rule(rf"\b(?P<before>[A-Z][a-z]+|(?i:{_NUMBERED}))\s+(?P<roman>{_ROMAN_WORDS})\b", _roman),
    _rule(rf"\b(?P<before>(?i:{_NUMBERED}))\s+(?P<roman>[IVX])\b", _roman),
    _rule(r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso_date),
    _rule(
        r"(?P<sign>[$£€¥])\s?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<fraction>\d+))?"
        r"(?:\s?(?P<scale>(?i:thousand|million|billion|trillion|bn|[kmb]))\b)?",
        _money,
    ),
    _rule(r"\b(?P<year>[12]\d\d0)'?s\b", _decade),
    _rule(r"(?:(?<=\s)|^)'(?P<year>[1-9]0)s\b", _decade),
    _rule(r"\b(\d{1,9})(?:st|nd|rd|th)\b", lambda match: numerals.ordinal(int(match[1])), re.IGNORECASE),
    _rule(r"(?<![\d/.])(?P<above>\d{1,4})\s?[/\u2044]\s?(?P<below>\d{1,4})(?![\d/.])", _fraction),
    _rule(rf"\b(?P<number>\d[\d,.]*)\s?(?P<unit>{_UNIT_WORDS})\b(?!')", _with_unit),
    _rule(r"\s?°\s?(?P<scale>[CF]\b)?", _degrees),
    _rule(r"(?<=\d)\s?-\s?(?=\d)", " to "),
    _rule(r"(?<![\w-])-(?=\d)", "minus "),
    _rule(r"(?<![\w-])[~](?=\d)", "about "),
    _rule(r"#(?=\d)", "number "),
    _rule(r"(?<=\d)x\b", " times"),
    _rule(r"\b(?P<prefix>[vV])(?=\d)", "version "),
    _rule(r"(?<=\d)\.(?=\d+\.\d)|(?<=\d\.\d)\.(?=\d)", " point "),
    _rule(_NUMBER, _plain),
    _rule(r"\d+", lambda match: f" {numerals.number(match[0])} "),
    _rule(rf"\b[BCDFGHJKLMNPQRSTVWXZ]{{2,{_ACRONYM_LENGTH}}}\b", _letters),
    _rule(r"(?<=[a-z])(?<!\bMc)(?<!\bMac)(?=[A-Z][a-z]{2,}\b)", " "),
    _rule(r"\.{3,}", "... "),
    _rule(r"(?<=[A-Za-z])\.(?=[A-Za-z])", " dot "),
)
