"""A submission as it was read: the cast, the settings and every line, free of problems."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from pipeline import wording
from pipeline.delivery import PLAIN, Delivery
from pipeline.intake.rules.episode import Episode
from pipeline.intake.rules.fields import AgeGroup, AudioFormat, Gender
from pipeline.intake.rules.languages import language_of
from pipeline.intake.rules.lexicon import NO_WORDS, Lexicon
from pipeline.intake.rules.pauses import has_pauses
from pipeline.intake.rules.quality_settings import USUAL, QualitySettings
from pipeline.intake.rules.saying import SAY_HERE, Saying, Source, applied, found_in, sayings
from pipeline.intake.rules.speech_text import spoken_text
from pipeline.intake.rules.talents import Talent

DEFAULT_MODEL = "minimax-speech-hd"
DEFAULT_FORMAT: AudioFormat = "mp3"
DEFAULT_LANGUAGE = "en"
NATURAL = Delivery(speed=1.0)


@dataclass(frozen=True, slots=True)
class ClonedFrom:
    """The voice is cloned from the reference of a talent, named by key."""

    talent: str


@dataclass(frozen=True, slots=True)
class SystemVoice:
    """The voice is one of the provider's own; whether `id` exists is the provider's to say."""

    id: str


@dataclass(frozen=True, slots=True)
class Designed:
    """The voice is made from a description of at most 1,000 characters."""

    description: str
    gender: Gender | None = None
    age_group: AgeGroup | None = None


VoiceSource: TypeAlias = ClonedFrom | SystemVoice | Designed


@dataclass(frozen=True, slots=True)
class Settings:
    """How lines are spoken where neither the character nor the line says otherwise."""

    model: str = DEFAULT_MODEL
    format: AudioFormat = DEFAULT_FORMAT
    delivery: Delivery = NATURAL


@dataclass(frozen=True, slots=True)
class Character:
    """A role: where its voice comes from, and what it sets otherwise than the production.

    `voices` are those of languages in which it has another one.
    """

    key: str
    name: str
    voice: VoiceSource
    model: str | None = None
    format: AudioFormat | None = None
    delivery: Delivery = PLAIN
    notes: str = ""
    voices: Mapping[str, VoiceSource] = field(default_factory=dict)
    pause_after: float | None = None
    """Seconds of silence that follow its lines where they say nothing else."""

    def voice_in(self, language: str) -> VoiceSource:
        """Return where its voice in a language comes from."""
        return self.voices.get(language, self.voice)


class Line(NamedTuple):
    """One line of the sheet; `text` stands as it was written, `row` is its row in `file` as a spreadsheet counts.

    A text in another language than the production's is a line of its own, whose id is `ID@LANGUAGE`.
    """

    id: str
    character: str
    text: str
    direction: str = ""
    speed: float | None = None
    pitch: int | None = None
    volume: float | None = None
    emotion: str | None = None
    extras: Mapping[str, str] = MappingProxyType({})
    file: str = ""
    row: int = 0

    @property
    def delivery(self) -> Delivery:
        """What the line itself asks for."""
        return Delivery(self.speed, self.pitch, self.volume, self.emotion)


@dataclass(frozen=True)
class Project:
    """A whole submission. Paths are relative to the project's folder, with forward slashes.

    `languages` begins with `language`, the source; `translated` names the characters that have lines in each other one,
    and `missing` the ids of lines that lack a text in it.
    `columns` are the sheets' own columns in their order, kept in each line's `extras`. `files` are the project
    file, the sheets with what belongs to them, the references and the evidence, in this order. `encodings` tells how
    each text sheet was decoded, `notes` what of the sheets was left out. `budget_micros` is None where there is no cap
    of its own.
    """

    production: str
    title: str
    language: str
    settings: Settings
    budget_micros: int | None
    talents: Mapping[str, Talent]
    characters: Mapping[str, Character]
    lines: Sequence[Line]
    columns: tuple[str, ...]
    files: tuple[str, ...]
    encodings: Mapping[str, str]
    lexicon: Lexicon = NO_WORDS
    notes: tuple[str, ...] = ()
    quality: QualitySettings = USUAL
    episode: Episode | None = None
    """None where the project does not say that its lines become one."""
    normalise: bool = False
    """Whether numbers, dates and abbreviations are sent in words, as `readings` of `pipeline.wording` has them."""
    languages: tuple[str, ...] = ()
    translated: Mapping[str, Collection[str]] = field(default_factory=dict)
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def language_of(self, line_id: str) -> str:
        """Return the language of a line's text."""
        return language_of(line_id, self.language) if self.translated else self.language

    def roles(self) -> Iterator[tuple[Character, str]]:
        """Yield every character with the source language, and with each other language in which it has lines."""
        for key, character in self.characters.items():
            yield character, self.language
            for language in self.languages:
                if key in self.translated.get(language, ()):
                    yield character, language

    def said(self, line: Line) -> str:
        """Return the text of a line as a take keeps it: its words as they are said, a pause as `<#1.5#>`."""
        if not (self.normalise or line.extras.get(SAY_HERE) or has_pauses(line.text)):
            return self.lexicon.say(spoken_text(line.text), line.character, self.language_of(line.id))
        found = self.sayings(line, reads_numbers=self.normalise)
        return spoken_text(applied(spoken_text(line.text), found))

    def read(self, line: Line) -> str:
        """Return the text of a line as it is read, without its pauses."""
        if not has_pauses(line.text):
            return line.text
        paused = (one for one in self.sayings(line, reads_numbers=False) if one.source is Source.PAUSE)
        return spoken_text(applied(spoken_text(line.text), (one._replace(say=" ") for one in paused)))

    def sayings(self, line: Line, *, reads_numbers: bool) -> Iterator[Saying]:
        """Yield what of a line is said otherwise, in its `spoken_text`; English numbers where they are asked for."""
        text, language = spoken_text(line.text), self.language_of(line.id)
        here = found_in(line.extras.get(SAY_HERE, ""), text)
        is_read = reads_numbers and wording.reads(language)
        return sayings(text, here, self.lexicon, line.character, language, reads=is_read)

    def delivery(self, line: Line) -> Settings:
        """Return what applies to a line: its own settings, else its character's, else the production's."""
        character = self.characters[line.character]
        return Settings(
            model=character.model or self.settings.model,
            format=character.format or self.settings.format,
            delivery=line.delivery.over(character.delivery).over(self.settings.delivery),
        )
