"""The lexicon: how words are said that a voice would say otherwise. What is written stays; what is sent changes."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.intake.rules.talents import covers

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Pronunciation:
    """How one word, or several together, are said; by whom and in which language, or always."""

    word: str
    say: str
    characters: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """BCP-47 tags; `en` covers `en-GB` too."""
    exact: bool = False
    """Whether the word is another one in other case: `US` and `us`."""

    def is_for(self, character: str, language: str) -> bool:
        """Tell whether it applies to what a character says in a language."""
        speaks = not self.characters or character in self.characters
        return speaks and (not self.languages or covers(self.languages, language))

    @property
    def scope(self) -> tuple[bool, bool]:
        """How narrow it is: of two for one word the narrower one is meant."""
        return bool(self.characters), bool(self.languages)


@dataclass(frozen=True)
class Said:
    """A word as it is written in a text, and how it is said."""

    start: int
    end: int
    entry: Pronunciation


@dataclass(frozen=True)
class Lexicon:
    """The pronunciations of a production; none at all where it is empty."""

    entries: tuple[Pronunciation, ...] = ()
    _voices: dict[tuple[str, str], "_Index"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def say(self, text: str, character: str, language: str) -> str:
        """Return a text as it is sent for a character; words that follow from a replacement are not looked up again."""
        if not self.entries:
            return text
        parts, at = [], 0
        for said in self.find(text, character, language):
            parts += [text[at : said.start], said.entry.say]
            at = said.end
        return "".join([*parts, text[at:]]) if parts else text

    def find(self, text: str, character: str, language: str) -> Iterator[Said]:
        """Yield the words of a text that are said otherwise, in order; the longest where several begin alike."""
        key = character, language
        if key not in self._voices:
            self._voices[key] = _index([entry for entry in self.entries if entry.is_for(*key)])
        return _found(self._voices[key], text)


NO_WORDS = Lexicon()
"""Every word is said as it is written."""

_Index = dict[str, list[tuple[re.Pattern[str], Pronunciation]]]
"""By the first word of each entry: a text is read once, however long the lexicon is."""


def first_word(word: str) -> str:
    """Return the letters and digits that an entry begins with, in one case; nothing where it begins otherwise."""
    found = _WORD.match(_plain(word))
    return found.group() if found else ""


def _index(entries: Sequence[Pronunciation]) -> _Index:
    index: _Index = {}
    for entry in sorted(entries, key=lambda entry: (-len(entry.word), not entry.exact, _widest_last(entry))):
        index.setdefault(first_word(entry.word), []).append((_pattern(entry.word, exact=entry.exact), entry))
    return index


def _widest_last(entry: Pronunciation) -> tuple[bool, bool]:
    by_character, by_language = entry.scope
    return not by_character, not by_language


def _found(index: _Index, text: str) -> Iterator[Said]:
    at = 0
    for word in _WORD.finditer(text):
        if word.start() < at:
            continue  # inside a longer one
        if _is_mark(text, word.start() - 1):
            continue  # vowel signs of Indic scripts are no letters to a pattern, and still amid a word
        for pattern, entry in index.get(_plain(word.group()), ()):
            met = pattern.match(text, word.start())
            if met and not _is_mark(text, met.end()):
                at = met.end()
                yield Said(met.start(), at, entry)
                break


def _is_mark(text: str, at: int) -> bool:
    """Tell whether an accent or a vowel sign stands at a place of a text."""
    return 0 <= at < len(text) and unicodedata.category(text[at]).startswith("M")


def _pattern(word: str, *, exact: bool) -> re.Pattern[str]:
    spaced = r"\s+".join(map(re.escape, word.split()))
    return re.compile(rf"{spaced}(?!\w)", 0 if exact else re.IGNORECASE)


@lru_cache(maxsize=50_000)
def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()
