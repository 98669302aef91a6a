"""Single values of a submission: each function returns the value as it is kept, or raises `Refusal`."""

import codecs
import re
import unicodedata
from datetime import date
from decimal import Decimal

from pipeline.intake.rules.problems import Refusal

SPEED_MIN, SPEED_MAX = 0.5, 2.0
PITCH_MOST = 24
VOLUME_MAX = 10.0

_SPEED_ALLOWED = f"a number from {SPEED_MIN} to {SPEED_MAX}; 1.0 is the voice's own pace"
_LANGUAGE_ALLOWED = "a BCP-47 tag such as en, en-GB, pt-BR or zh-Hant"
_BUDGET_ALLOWED = 'US dollars with a decimal point, such as "$25" or 25.00'
_SPEED = re.compile(r"[0-9]{1,3}([.,][0-9]{1,6})?")
_PITCH = re.compile(r"[+-]?[0-9]{1,2}")
_EMOTION = re.compile(r"[a-z][a-z_-]{0,39}")
_LANGUAGE = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<variants>(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*)",
    re.IGNORECASE | re.ASCII,
)
_LETTER = re.compile(r"[^\W_]")
"""Or a digit."""
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}")
_AMOUNT = re.compile(r"\$?\s?([0-9]{1,9}(\.[0-9]{1,6})?)")
_CLOCK = re.compile(
    r"((?P<hours>\d{1,2}):(?=[0-5]\d:))?((?P<minutes>[0-5]?\d):(?=[0-5]\d(?!\d)))?(?P<seconds>\d{1,5}(\.\d{1,3})?)"
)
_CLOCK_ALLOWED = "minutes and seconds such as 0:10 or 3:00, or seconds such as 10"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENCODINGS_ALLOWED = "utf-8, cp1252, cp1250, cp932, ..."
_NO_FILE_ENCODINGS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Notations for single names and literals. Reading a whole sheet as one takes time that grows with its square."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""With what Unicode has reserved for the inside of programs: ours mark pauses with some, and XML forbids the rest."""


def speed(text: str) -> float:
    """Accept a speaking rate; a decimal comma is read as a point, as spreadsheets of half of Europe write it."""
    value = float(text.replace(",", ".")) if _SPEED.fullmatch(text) else None
    if value is None:
        raise Refusal("the speed is not a number", allowed=_SPEED_ALLOWED)
    if not SPEED_MIN <= value <= SPEED_MAX:
        raise Refusal("the speed is out of range", allowed=_SPEED_ALLOWED)
    return value


def pitch(text: str) -> int:
    """Accept a pitch in whole semitones; which of them can be had is the provider's to say."""
    value = int(text) if _PITCH.fullmatch(text) else None
    if value is None or abs(value) > PITCH_MOST:
        raise Refusal("this is not a pitch", allowed=f"whole semitones from -{PITCH_MOST} to {PITCH_MOST}")
    return value


def volume(text: str) -> float:
    """Accept a volume, where 1.0 is the voice's own; which can be had is the provider's to say."""
    value = float(text.replace(",", ".")) if _SPEED.fullmatch(text) else 0.0
    if not 0 < value <= VOLUME_MAX:
        raise Refusal("this is not a volume", allowed=f"a number above 0, up to {VOLUME_MAX:g}; 1.0 is the voice's own")
    return value


def emotion(text: str) -> str:
    """Accept an emotion by its name; which can be had is the provider's to say."""
    name = text.casefold()
    if not _EMOTION.fullmatch(name):
        raise Refusal("this is not an emotion", allowed="one word, such as calm or angry")
    return name


def language(text: str) -> str:
    """Accept a language tag; returns it in its usual case (en-GB, zh-Hant)."""
    match = _LANGUAGE.fullmatch(text)
    if not match:
        dashed = text.replace("_", "-")
        hint = f"write {language(dashed)}" if _LANGUAGE.fullmatch(dashed) else ""
        raise Refusal("this is not a language tag", allowed=_LANGUAGE_ALLOWED, hint=hint)
    parts = [match["language"].lower(), (match["script"] or "").title(), (match["region"] or "").upper()]
    return "-".join(part for part in parts if part) + match["variants"].lower()


def clock(text: str) -> float:
    """Accept a time in a recording, such as 0:10, 1:02:03.5 or 75; returns seconds."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise Refusal("this is not a time", allowed=_CLOCK_ALLOWED)
    return int(match["hours"] or 0) * 3600 + int(match["minutes"] or 0) * 60 + float(match["seconds"])


def budget_micros(text: str) -> int:
    """Accept an amount of US dollars; returns whole micro-dollars, exactly."""
    match = _AMOUNT.fullmatch(text.strip())
    if not match:
        hint = "leave out separators of thousands and write a decimal point" if "," in text else ""
        raise Refusal("this is not an amount of dollars", allowed=_BUDGET_ALLOWED, hint=hint)
    return int(Decimal(match[1]) * 1_000_000)


def iso_date(text: str) -> date:
    """Accept a calendar date."""
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError as wrong:
            raise Refusal(f"there is no such day: {wrong}", allowed="YYYY-MM-DD") from wrong
    raise Refusal("this is not a date", allowed="YYYY-MM-DD, such as 2026-03-31")


def provider_id(text: str) -> str:
    """Accept a model's or system voice's id: whether it exists is the provider's to say."""
    if not _MODEL.fullmatch(text):
        raise Refusal("this is not an id", allowed="1 to 100 letters, digits and . _ / : -")
    return text


def is_plain(text: str) -> bool:
    """Tell whether `plain_text` accepts the text."""
    return _CONTROL.search(text) is None and "\ufffd" not in text


def plain_text(text: str) -> str:
    """Accept text that can be shown and spoken: no control characters, nothing lost in an earlier conversion."""
    if found := _CONTROL.search(text):
        raise Refusal(
            f"the text contains the control character U+{ord(found[0]):04X} at position {found.start() + 1}",
            allowed="printable characters, tabs and line breaks",
            hint="delete it; it often comes with text pasted from another program",
        )
    if "\ufffd" in text:
        message = f"a character was lost in an earlier conversion, at position {text.index(chr(0xFFFD)) + 1}"
        raise Refusal(message, hint="type it again, or export the file once more as UTF-8")
    return text


def word(text: str) -> str:
    """Accept a word of the lexicon, or several together; returns it in NFC with single spaces."""
    plain = " ".join(unicodedata.normalize("NFC", plain_text(text)).split())
    # Words of Indic scripts end with vowel signs.
    bare = plain.rstrip("".join(c for c in plain if unicodedata.category(c).startswith("M")))
    if not bare or not (_LETTER.match(bare[0]) and _LETTER.match(bare[-1])):
        raise Refusal("this is no word", allowed="one that begins and ends with a letter or a digit")
    return plain


def spoken(text: str) -> str:
    """Accept how a word is said; returns it in NFC with single spaces."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    if not _LETTER.search(plain):
        raise Refusal("there is nothing to say", allowed="a text with a letter or a digit")
    return plain


def encoding(text: str) -> str:
    """Accept the name of a text encoding that Python knows and that a file may have."""
    try:
        "a".encode(text)
        name = codecs.lookup(text).name
    except (LookupError, ValueError) as wrong:
        raise Refusal("this encoding is not known", allowed=_ENCODINGS_ALLOWED) from wrong
    if name in _NO_FILE_ENCODINGS:
        raise Refusal("this is no encoding of files", allowed=_ENCODINGS_ALLOWED)
    return text
