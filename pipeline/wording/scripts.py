"""Brings letters of any script into the Latin alphabet, so that every text can be spoken.

A preview needs a sound of about the right length for each letter, not scholarship: alphabets are transliterated,
syllabaries follow the names of their characters, and ideographs get a placeholder syllable.
"""

import re
import unicodedata
from typing import Final

_CYRILLIC: Final = (
    "аa бb вv гg дd еe жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щshch ъ ыy ь эe юyu яya "
    "ёyo іi їyi єye ґg ўw "
)
_GREEK: Final = "αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs ςs τt υi φf χch ψps ωo "
_LATIN: Final = "ßss æae œoe øo łl đd ðth þth ıi"
_LETTERS: Final = {pair[0]: pair[1:] for pair in (_CYRILLIC + _GREEK + _LATIN).split()}
"""A letter, and right behind it how it is written in English."""

_ONSETS: Final = ("m", "sh", "l", "t", "k", "n", "h", "j", "z", "b", "d", "f")
_RIMES: Final = ("a", "i", "ong", "an", "u", "ei", "en", "ao")

_PUNCTUATION: Final = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "–": " — ", "―": " — ", "‐": "-", "‑": "-", "−": "-", "…": "... ", "。": ". ", "、": ", ", "，": ", ",
        "！": "! ", "？": "? ", "；": "; ", "：": ": ", "·": " ", "•": ", ", "।": ". ", "۔": ". ", "؟": "? ",
        "،": ", ", "\u2044": "/", "¿": "", "¡": "", "\u00ad": "",
    }
)  # fmt: skip

_SYLLABLE_LENGTH: Final = 3
_MIXED_FRACTION: Final = re.compile(r"(?<=\d)\s?(?=[\u00bc-\u00be\u2150-\u215e])")


def to_latin(text: str) -> str:
    """Return the text in ASCII letters, digits and a few signs; pictures that stand for no sound are left out."""
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
        return last if "SYLLABLE" in name or len(last) <= _SYLLABLE_LENGTH else last[:2]
    position = ord(character)
    return f" {_ONSETS[position % len(_ONSETS)]}{_RIMES[position // len(_ONSETS) % len(_RIMES)]} "


def _match_case(latin: str, original: str) -> str:
    return latin.capitalize() if original.isupper() else latin
