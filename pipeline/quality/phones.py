"""Phones for words that no dictionary has: from the production's lexicon, from known parts, or from the letters."""

import re
from collections.abc import Callable, Iterator
from typing import Final

Phones = tuple[str, ...]
Dictionary = Callable[[str], Phones | None]
"""A word's phones as CMUdict has them; None for a word that it does not have."""

VOWELS: Final = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"))
CONSONANTS: Final = frozenset(
    (
        *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V"),
        *("W", "Y", "Z", "ZH"),
    )
)
_STRESS: Final = re.compile(r"[012]$")
_SHORTEST_PART: Final = 3

_CLUSTERS: Final = (
    ("tion", "SH AH N"), ("sion", "ZH AH N"), ("ough", "OW"), ("augh", "AO"), ("igh", "AY"), ("tch", "CH"),
    ("dge", "JH"), ("sch", "SH"), ("ch", "CH"), ("sh", "SH"), ("th", "TH"), ("ph", "F"), ("wh", "W"), ("ck", "K"),
    ("ng", "NG"), ("qu", "K W"), ("kn", "N"), ("wr", "R"), ("zh", "ZH"), ("gh", "G"), ("kh", "K"), ("dh", "D"),
    ("rh", "R"), ("bh", "B"), ("ts", "T S"), ("ee", "IY"), ("ea", "IY"), ("ie", "IY"), ("oo", "UW"), ("ou", "AW"),
    ("ow", "OW"), ("ai", "EY"), ("ay", "EY"), ("ei", "EY"), ("ey", "EY"), ("ae", "EY"), ("oy", "OY"), ("oi", "OY"),
    ("au", "AO"), ("aw", "AO"), ("ar", "AA R"), ("er", "ER"), ("ir", "ER"), ("ur", "ER"), ("or", "AO R"),
    ("bb", "B"), ("cc", "K"), ("dd", "D"), ("ff", "F"), ("gg", "G"), ("ll", "L"), ("mm", "M"), ("nn", "N"),
    ("pp", "P"), ("rr", "R"), ("ss", "S"), ("tt", "T"), ("zz", "Z"), ("b", "B"), ("c", "K"), ("d", "D"), ("f", "F"),
    ("g", "G"), ("h", "HH"), ("j", "JH"), ("k", "K"), ("l", "L"), ("m", "M"), ("n", "N"), ("p", "P"), ("q", "K"),
    ("r", "R"), ("s", "S"), ("t", "T"), ("v", "V"), ("w", "W"), ("x", "K S"), ("z", "Z"),
)  # fmt: skip
"""Letters to phones, the longest spelling first; single vowels have two readings."""
_CHECKED: Final = {"a": "AE", "e": "EH", "i": "IH", "o": "AA", "u": "AH", "y": "IY"}
_FREE: Final = {"a": "AA", "e": "EY", "i": "IY", "o": "OW", "u": "UW", "y": "AY"}
"""Vowels as in `cat`, and as in `father`: invented names are read either way."""


def stated(pronunciation: str, dictionary: Dictionary) -> list[Phones]:
    """Return the phones that a lexicon's entry means: as it lists them, or those of its respelling."""
    symbols = tuple(_STRESS.sub("", symbol) for symbol in pronunciation.split())
    if symbols and all(symbol in VOWELS | CONSONANTS for symbol in symbols):
        return [symbols]
    parts = [pronounced(part, dictionary) for part in re.findall(r"[a-z']+", pronunciation.lower())]
    return [sum(choice, ()) for choice in zip(*_evened(parts), strict=True)] if parts else []


def pronounced(word: str, dictionary: Dictionary) -> list[Phones]:
    """Return how a word may be spoken, the likeliest first."""
    known = dictionary(word) or _inflected(word, dictionary) or _compound(word, dictionary)
    return [known] if known else list(dict.fromkeys((_by_letters(word, _CHECKED), _by_letters(word, _FREE))))


def _evened(parts: list[list[Phones]]) -> list[list[Phones]]:
    most = max(map(len, parts))
    return [part + part[-1:] * (most - len(part)) for part in parts]


def _inflected(word: str, dictionary: Dictionary) -> Phones | None:
    for ending, last in (("'s", "Z"), ("es", "AH Z"), ("s", "Z"), ("ed", "D"), ("ing", "IH NG"), ("er", "ER")):
        if word.endswith(ending):
            for stem in (word[: -len(ending)], f"{word[: -len(ending)]}e"):
                phones = dictionary(stem) if len(stem) >= _SHORTEST_PART else None
                if phones:
                    return phones + tuple(last.split())
    return None


def _compound(word: str, dictionary: Dictionary) -> Phones | None:
    for cut in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
        first, second = dictionary(word[:cut]), dictionary(word[cut:])
        if first and second:
            return first + second
    return None


def _by_letters(word: str, vowels: dict[str, str]) -> Phones:
    return tuple(phone for sounds in _sounds(word.replace("'", ""), vowels) for phone in sounds.split())


def _sounds(rest: str, vowels: dict[str, str]) -> Iterator[str]:
    if len(rest) > _SHORTEST_PART and rest.endswith("e") and rest[-2] not in "aeiou":
        rest = rest[:-1]
    while rest:
        letters, sound = next((pair for pair in _CLUSTERS if rest.startswith(pair[0])), (rest[0], ""))
        if letters in "cg" and rest[1:2] in tuple("eiy") and rest[1:]:
            sound = {"c": "S", "g": "JH"}[letters]
        yield sound or vowels.get(letters, "")
        rest = rest[len(letters) :]
