"""English words to the phonemes of the natural engine: a lexicon of 183,000 words and rules for the rest."""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

_VOWELS: Final = frozenset("AIOQWYaeiouæɑɐɔəɛɜɪʊʌᵊᵻ")
_STRESS: Final = "ˈˌ"

_WEAK_FORMS: Final = {
    "a": "ɐ", "an": "ɐn", "and": "ænd", "of": "ʌv", "i": "ˌI", "that": "ðæt", "was": "wʌz", "from": "fɹʌm",
    "his": "hɪz", "are": "ɑɹ", "at": "æt", "as": "æz", "for": "fɔɹ", "is": "ɪz", "it": "ɪt", "in": "ɪn", "on": "ɔn",
    "or": "ɔɹ", "we": "wi", "he": "hi", "she": "ʃi", "be": "bi", "you": "ju", "your": "jʊɹ", "my": "mI", "by": "bI",
    "had": "hæd", "has": "hæz", "but": "bʌt", "with": "wɪð", "will": "wɪl", "not": "nˌɑt", "do": "dˌu",
}  # fmt: skip
"""Function words as running speech has them; the lexicon lists them stressed."""

_BEFORE_VOWEL: Final = {"the": ("ði", "ðə"), "to": ("tʊ", "tə")}

_SPELLINGS: Final = (
    ("tion", "ʃən"), ("sion", "ʒən"), ("ough", "O"), ("igh", "I"), ("tch", "ʧ"), ("dge", "ʤ"), ("ch", "ʧ"), ("sh", "ʃ"),
    ("th", "θ"), ("ph", "f"), ("wh", "w"), ("ck", "k"), ("ng", "ŋ"), ("qu", "kw"), ("kn", "n"), ("wr", "ɹ"),
    ("zh", "ʒ"),
    ("ee", "i"), ("ea", "i"), ("oo", "u"), ("ou", "W"), ("ow", "O"), ("ai", "A"), ("ay", "A"), ("ei", "A"), ("oy", "Y"),
    ("oi", "Y"), ("au", "ɔ"), ("aw", "ɔ"), ("ar", "ɑɹ"), ("er", "əɹ"), ("ir", "ɜɹ"), ("or", "ɔɹ"), ("ur", "ɜɹ"),
    ("bb", "b"), ("dd", "d"), ("ff", "f"), ("gg", "ɡ"), ("ll", "l"), ("mm", "m"), ("nn", "n"), ("pp", "p"), ("rr", "ɹ"),
    ("ss", "s"), ("tt", "t"), ("zz", "z"),
    ("a", "æ"), ("b", "b"), ("c", "k"), ("d", "d"), ("e", "ɛ"), ("f", "f"), ("g", "ɡ"), ("h", "h"), ("i", "ɪ"),
    ("j", "ʤ"), ("k", "k"), ("l", "l"), ("m", "m"), ("n", "n"), ("o", "ɑ"), ("p", "p"), ("q", "k"), ("r", "ɹ"),
    ("s", "s"), ("t", "t"), ("u", "ʌ"), ("v", "v"), ("w", "w"), ("x", "ks"), ("y", "i"), ("z", "z"),
)  # fmt: skip
"""Letters to sounds, longest spelling first, for invented names."""

_CLITICS: Final = {"ll": "əl", "re": "əɹ", "ve": "əv", "d": "d", "m": "m", "t": "t"}
_ACRONYM_LENGTH: Final = 5
"""Unknown words in capitals up to this length are spelled; longer ones are shouted names."""

_SOFT_C_OR_G: Final = {"c": "s", "g": "ʤ"}
_TOKENS: Final = re.compile(r"[A-Za-z][A-Za-z']*|[;:,.!?—\"()]")
_OPENING: Final = ("(",)
_SHORTEST_STEM: Final = 3
_ELLIPSIS: Final = re.compile(r"\.{2,}")


class PhonemeFrontEnd:
    """Turns words into the natural engine's phonemes and token ids."""

    def __init__(self) -> None:
        assets = files("pipeline.sandbox.voice").joinpath("assets")
        packed = assets.joinpath("lexicon_us.json.gz").read_bytes()
        self._lexicon: dict[str, str] = json.loads(gzip.decompress(packed))
        self._ids: dict[str, int] = json.loads(assets.joinpath("vocab.json").read_text(encoding="utf-8"))
        self._pronounce = lru_cache(maxsize=4096)(self._look_up)

    def phonemes(self, words: str) -> str:
        """Return the phonemes of text that is already in words (see `spoken_text.spoken`)."""
        tokens = ["", *_TOKENS.findall(_ELLIPSIS.sub(".", words)), ""]
        said = ""
        for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if token[0].isalpha():
                said += ("" if before in _OPENING else " ") + self._in_context(before, token, after)
            else:
                said += f" {token}" if token in _OPENING else token
        return said.strip()

    def token_ids(self, words: str, longest: int) -> Iterator[list[int]]:
        """Yield the ids of the phonemes in runs of at most `longest`, broken between words where possible."""
        rest = self.phonemes(words)
        while rest:
            if len(rest) > longest:
                cut = rest.rfind(" ", 1, longest)
                head, rest = (rest[:cut], rest[cut:]) if cut > 0 else (rest[:longest], rest[longest:])
            else:
                head, rest = rest, ""
            ids = [self._ids[symbol] for symbol in head.strip() if symbol in self._ids]
            if ids:
                yield ids

    def _in_context(self, before: str, word: str, after: str) -> str:
        lowered = word.lower()
        if _is_initial(word) and (_is_initial(before) or _is_initial(after)):
            return self._lexicon[word]
        if lowered not in _BEFORE_VOWEL:
            return self._pronounce(word)
        starts_open = after[:1].isalpha() and self._pronounce(after).lstrip(_STRESS)[:1] in _VOWELS
        return _BEFORE_VOWEL[lowered][0 if starts_open else 1]

    def _look_up(self, word: str) -> str:
        word = word.strip("'") or word
        lowered = word.lower()
        if _is_initial(word) and word not in "AI":
            return self._lexicon[word]
        return (
            _WEAK_FORMS.get(lowered)
            or self._lexicon.get(word)
            or self._lexicon.get(lowered)
            or self._lexicon.get(lowered.capitalize())
            or self._spelled_out(word)
            or self._inflected(lowered)
            or self._compound(lowered)
            or self._around_apostrophe(word)
            or self._guessed(lowered)
        )

    def _spelled_out(self, word: str) -> str | None:
        if word.isupper() and word.isalpha() and len(word) <= _ACRONYM_LENGTH:
            return "".join(self._lexicon[letter] for letter in word)
        return None

    def _inflected(self, word: str) -> str | None:
        for suffix, inflect in (
            ("'s", _plural),
            ("es", _plural),
            ("s", _plural),
            ("ed", _past),
            ("d", _past),
            ("ing", _ing),
        ):
            if not word.endswith(suffix):
                continue
            for stem in _stems(word[: -len(suffix)]):
                if len(stem) >= _SHORTEST_STEM and stem in self._lexicon:
                    return inflect(self._lexicon[stem])
        return None

    def _compound(self, word: str) -> str | None:
        for cut in range(len(word) - 3, 2, -1):
            first, second = self._lexicon.get(word[:cut]), self._lexicon.get(word[cut:])
            if first and second:
                return first + second.replace("ˈ", "ˌ")
        return None

    def _around_apostrophe(self, word: str) -> str | None:
        head, mark, tail = word.rpartition("'")
        if not (head and mark and tail):
            return None
        sounds = self._pronounce(head)
        if tail in ("s", "S"):
            return _plural(sounds)
        return sounds + (_CLITICS.get(tail.lower()) or self._pronounce(tail))

    def _guessed(self, word: str) -> str:
        sounds = by_spelling(word)
        if _VOWELS.isdisjoint(sounds):
            return "".join(self._lexicon[letter.upper()] for letter in word if letter.isalpha())
        return sounds


@cache
def phoneme_front_end() -> PhonemeFrontEnd:
    """Return the front end, its lexicon loaded once."""
    return PhonemeFrontEnd()


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isupper()


def by_spelling(word: str) -> str:
    """Guess the sounds of a word that no dictionary has; the first vowel is stressed."""
    rest, sounds = word.replace("'", ""), ""
    if len(rest) > _SHORTEST_STEM and rest.endswith("e") and rest[-2] not in "aeiou":
        rest = rest[:-1]
    while rest:
        letters, sound = _first_spelling(rest)
        sounds += sound
        rest = rest[len(letters) :]
    vowel = next((position for position, sound in enumerate(sounds) if sound in _VOWELS), 0)
    return f"{sounds[:vowel]}ˈ{sounds[vowel:]}"


def _first_spelling(rest: str) -> tuple[str, str]:
    if rest[0] in _SOFT_C_OR_G and rest[1:2] in ("e", "i", "y") and not rest.startswith("gi"):
        return rest[0], _SOFT_C_OR_G[rest[0]]
    return next((pair for pair in _SPELLINGS if rest.startswith(pair[0])), (rest[0], ""))


def _stems(stem: str) -> Iterator[str]:
    yield stem
    yield stem + "e"
    if len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2]:
        yield stem[:-1]
    if stem.endswith("i"):
        yield stem[:-1] + "y"


def _plural(sounds: str) -> str:
    if sounds[-1] in "szʃʒʧʤ":
        return sounds + "ᵻz"
    return sounds + ("s" if sounds[-1] in "ptkfθ" else "z")


def _past(sounds: str) -> str:
    if sounds[-1] in "td":
        return sounds + "ᵻd"
    return sounds + ("t" if sounds[-1] in "pkfθsʃʧ" else "d")


def _ing(sounds: str) -> str:
    return sounds + "ɪŋ"
