"""Brings letters of any script into the Latin alphabet, so that every text can be spoken.

A preview needs a sound of about the right length for each letter, not scholarship: alphabets are transliterated, syllabaries
follow the names of their characters, and ideographs get a placeholder syllable.
"""

import re
import unicodedata
from typing import Final

_CYRILLIC: Final = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґў",
        "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya yo i yi ye g w".split(),
        strict=True,
    )
)
_GREEK: Final = dict(
    zip("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t i f ch ps o".split(), strict=True)
)
_LATIN: Final = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i"}
_LETTERS: Final = {letter: latin.strip("_") for letter, latin in (_CYRILLIC | _GREEK | _LATIN).items()}

_ONSETS: Final = "m sh l t k n h j z b d f".split()
_RIMES: Final = "a i ong an u ei en ao".split()

_PUNCTUATION: Final = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "–": " — ", "―": " — ", "‐": "-", "‑": "-", "−": "-", "…": "... ", "。": ". ", "、": ", ", "，": ", ",
        "！": "! ", "？": "? ", "；": "; ", "：": ": ", "·": " ", "•": ", ", "।": ". ", "۔": ". ", "؟": "? ",
        "،": ", ", "\u2044": "/", "¿": "", "¡": "", "\u00ad": "",
    }
)  # fmt: skip

_MIXED_FRACTION: Final = re.compile(r"(?<=\d)\s?(?=[\u00bc-\u00be\u2150-\u215e])")


def to_latin(text: str) -> str:
    """Return the text in ASCII letters, digits and punctuation; marks and pictures that stand for no sound are left out."""
    apart = _MIXED_FRACTION.sub(" and ", text.translate(_PUNCTUATION))
    folded = unicodedata.normalize("NFKC", apart).translate(_PUNCTUATION)
    latin = "".join(character if character.isascii() else _character(character) for character in folded)
    return re.sub(r"[^\S\n]+", " ", latin)


def _character(character: str) -> str:
    if character in "—£€¥°×÷":
        return character
    if character.lower() in _LETTERS:
        return _match_case(_LETTERS[character.lower()], character)
    base = unicodedata.normalize("NFD", character)[0]
    if base.isascii():
        return base
    if base.lower() in _LETTERS:
        return _match_case(_LETTERS[base.lower()], character)
    return _unlisted(character)


def _unlisted(character: str) -> str:
    if (value := unicodedata.numeric(character, None)) is not None:
        return f" {int(value)} "
    if not character.isalpha():
        # Marks within a word (accents, vowel signs) vanish; anything else separates words.
        return "" if unicodedata.category(character) in ("Mn", "Mc", "Cf") else " "
    return _by_name(character)


def _by_name(character: str) -> str:
    name = unicodedata.name(character, "")
    last = name.rpartition(" ")[2].lower()
    if last.isalpha() and last.isascii() and ("LETTER" in name or "SYLLABLE" in name):
        # Syllables carry their whole sound in the name; a letter's name (beh, gimel) only starts with it.
        return last if "SYLLABLE" in name or len(last) <= 3 else last[:2]
    position = ord(character)
    return f" {_ONSETS[position % len(_ONSETS)]}{_RIMES[position // len(_ONSETS) % len(_RIMES)]} "


def _match_case(latin: str, original: str) -> str:
    return latin.capitalize() if original.isupper() else latin
