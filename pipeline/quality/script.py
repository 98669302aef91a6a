"""What is to be heard of a text: its words, its pauses, and how long it should last."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.wording import spoken

_PAUSE: Final = re.compile(
    r"<#\s*(?P<plain>\d+(?:\.\d+)?)\s*#>|<break\s+time=\"(?P<time>\d+(?:\.\d+)?)(?P<unit>ms|s)\"\s*/>"
)
"""Pauses as MiniMax (`<#0.5#>`) and SSML (`<break time="500ms"/>`) write them."""
_TAG: Final = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_SOUND: Final = re.compile(
    r"\((?:laughs|chuckle|coughs|clear-throat|groans|breath|pant|inhale|exhale|gasps|sniffs|sighs|snorts|burps"
    r"|lip-smacking|humming|hissing|emm|sneezes)\)"
)
"""Sounds that MiniMax makes in place of words."""
_WORD: Final = re.compile(r"[a-z']+")
_LONG_NUMBER: Final = re.compile(r"\b\d{4}\b")
_NUMBER: Final = re.compile(r"\d+")
_PUNCTUATION: Final = re.compile(r"[.!?;:…。！？；：]+|—|,|、|，")

_EXCLAMATIONS: Final = frozenset("!！")

_CHARACTERS_A_SECOND: Final = {
    "ar": 11.0, "fa": 11.0, "he": 10.0, "hi": 12.0, "ja": 7.0, "ko": 7.0, "th": 12.0, "yue": 4.5, "zh": 4.5,
}  # fmt: skip
"""Scripts that write less per sound than the Latin alphabet: syllabaries, ideographs, and those without vowels."""
_ALPHABETIC: Final = 14.0
_PAUSE_SECONDS: Final = 0.15
"""What a mark of punctuation adds, between nothing at a comma and half a second at a full stop."""
_ONSET_SECONDS: Final = 0.25
"""What even the shortest bark takes beside its letters: breath, attack, decay."""


@dataclass(frozen=True)
class Script:
    """A text as it should sound: without its markup, the pauses in it summed in seconds."""

    text: str
    language: str
    pauses: tuple[float, ...]

    @classmethod
    def of(cls, text: str, language: str) -> "Script":
        """Take the markup off a text."""
        pauses = tuple(_seconds(match) for match in _PAUSE.finditer(text))
        plain = _SOUND.sub(" ", _TAG.sub(" ", _PAUSE.sub(" ", text)))
        return cls(" ".join(plain.split()), primary(language), pauses)

    @property
    def english(self) -> bool:
        """Whether its words can be told."""
        return self.language == "en"

    @property
    def exclaimed(self) -> bool:
        """Whether some of it is to be called out."""
        return not _EXCLAMATIONS.isdisjoint(self.text)

    def seconds(self, speed: float) -> float:
        """Return how long the text takes to say, roughly: half of it and twice as much are both heard."""
        said = spoken(self.text) if self.english else self.text
        characters = sum(character.isalnum() or character.isspace() for character in said)
        rate = _CHARACTERS_A_SECOND.get(self.language, _ALPHABETIC)
        pauses = _PAUSE_SECONDS * max(0, len(_PUNCTUATION.findall(self.text)) - 1)
        return (_ONSET_SECONDS + characters / rate + pauses) / speed + sum(self.pauses)

    def readings(self) -> Iterator[tuple[str, ...]]:
        """Yield the ways to say an English text in words, the likeliest first: numbers can be read in several."""
        seen = set()
        for variant in (self.text, _LONG_NUMBER.sub(_grouped, self.text), _NUMBER.sub(_spelled, self.text)):
            words = words_of(variant)
            if words and words not in seen:
                seen.add(words)
                yield words


def primary(language: str) -> str:
    """Return the language of a BCP 47 tag, without region or script."""
    return language.replace("_", "-").partition("-")[0].lower()


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of an English text, in small letters."""
    stripped = (word.strip("'") for word in _WORD.findall(spoken(text).lower()))
    return tuple(word for word in stripped if word)


def _seconds(match: re.Match[str]) -> float:
    if match["plain"]:
        return float(match["plain"])
    return float(match["time"]) / (1000 if match["unit"] == "ms" else 1)


def _grouped(match: re.Match[str]) -> str:
    return f"{int(match[0]):,}"


def _spelled(match: re.Match[str]) -> str:
    return " ".join(match[0])
