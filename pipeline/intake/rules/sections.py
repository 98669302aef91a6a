"""The sections of a project file: which keys there are, and what they become."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from pipeline.delivery import Delivery
from pipeline.intake.rules import values
from pipeline.intake.rules.episode_section import EpisodeSection
from pipeline.intake.rules.fields import (
    AgeGroup,
    AudioFormat,
    Description,
    Emotion,
    Encoding,
    Gender,
    KeyName,
    Label,
    LanguageTag,
    Micros,
    OneOrMore,
    Pitch,
    ProjectPath,
    Prose,
    ProviderId,
    Section,
    Slug,
    Speed,
    Volume,
    Word,
)
from pipeline.intake.rules.languages import MARK
from pipeline.intake.rules.lexicon import Lexicon, Pronunciation
from pipeline.intake.rules.pauses import pause_after
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.project import (
    DEFAULT_FORMAT,
    DEFAULT_MODEL,
    Character,
    ClonedFrom,
    Designed,
    Settings,
    SystemVoice,
    VoiceSource,
)
from pipeline.intake.rules.quality_settings import QualitySection
from pipeline.intake.rules.readers import FORMATS, format_name, format_of
from pipeline.intake.rules.talents import Consent, Talent
from pipeline.intake.rules.values import spoken

_ONE_VOICE = "exactly one of talent, system and design"


REFERENCE_SECONDS = (10.0, 300.0)
"""What providers take of a recording."""
_TRIM_ALLOWED = "true for its first five minutes, or [FROM, TO] such as [0:10, 3:00], 10 seconds to 5 minutes apart"


def as_part(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read which part of a recording is meant: `true`, or two times."""
    shortest, longest = REFERENCE_SECONDS
    if given is None or isinstance(given, bool):
        return (0.0, longest) if given else None
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(time, str) for time in given):  # noqa: PLR2004 - from and to
        raise Refusal("this is no part of a recording", allowed=_TRIM_ALLOWED)
    start, end = map(values.clock, given)
    if not shortest <= end - start <= longest:
        raise Refusal(f"the part is {end - start:g} seconds long", allowed=_TRIM_ALLOWED)
    return start, end


class TalentSection(Section):
    """`talents.KEY`."""

    name: Label | None = None
    reference: ProjectPath
    consent: Consent | None = None
    trim: Annotated[tuple[float, float] | None, BeforeValidator(as_part)] = None

    def talent(self, key: str) -> Talent:
        """Return the talent that the section declares."""
        return Talent(key=key, name=self.name or key, reference=self.reference, consent=self.consent, trim=self.trim)


class VoiceSection(Section):
    """`characters.KEY.voice`."""

    talent: KeyName | None = None
    system: ProviderId | None = None
    design: Description | None = None
    gender: Gender | None = None
    age_group: AgeGroup | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_a_bare_name(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if isinstance(given, str):
            raise Refusal("the voice does not say where it comes from", hint=f"write {{talent: {given[:60]}}}")
        return given

    @model_validator(mode="after")
    def _one_source(self) -> "VoiceSection":
        named = [key for key in ("talent", "system", "design") if getattr(self, key) is not None]
        if len(named) != 1:
            found = " and ".join(named) or "no source"
            raise Refusal(f"the voice has {found}", allowed=_ONE_VOICE)
        if self.design is None and (self.gender or self.age_group):
            raise Refusal("gender and age_group describe a designed voice only", hint=f"delete them beside {named[0]}")
        return self

    def source(self) -> VoiceSource:
        """Return where the voice comes from."""
        if self.talent is not None:
            return ClonedFrom(self.talent)
        if self.system is not None:
            return SystemVoice(self.system)
        return Designed(self.design or "", self.gender, self.age_group)


Pause = Annotated[float, BeforeValidator(lambda given: pause_after(given) if isinstance(given, str) else given)]
"""Seconds."""


class CharacterSection(Section):
    """`characters.KEY`."""

    name: Label | None = None
    voice: VoiceSection
    voices: dict[LanguageTag, VoiceSection] = Field(default_factory=dict)
    model: ProviderId | None = None
    format: AudioFormat | None = None
    speed: Speed | None = None
    pitch: Pitch | None = None
    volume: Volume | None = None
    emotion: Emotion | None = None
    pause_after: Pause | None = None
    notes: Prose = ""

    def character(self, key: str) -> Character:
        """Return the character that the section declares."""
        return Character(
            key=key,
            name=self.name or key,
            voice=self.voice.source(),
            model=self.model,
            format=self.format,
            delivery=Delivery(self.speed, self.pitch, self.volume, self.emotion),
            notes=self.notes,
            voices={language: voice.source() for language, voice in self.voices.items()},
            pause_after=self.pause_after,
        )


def as_texts(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """Let the column of the one text stand without a language."""
    return {"": given} if isinstance(given, str) else given


TextLanguage = Annotated[str, AfterValidator(lambda tag: values.language(tag) if tag else tag)]


class ColumnsSection(Section):
    """`lines.columns`: what the sheet calls the columns that we need."""

    id: Label | None = None
    character: Label | None = None
    text: Annotated[dict[TextLanguage, Label] | None, BeforeValidator(as_texts)] = None
    language: Label | None = None
    direction: Label | None = None
    speed: Label | None = None
    pitch: Label | None = None
    volume: Label | None = None
    emotion: Label | None = None
    pause_after: Label | None = None

    def by_role(self, source: str) -> dict[str, str]:
        """Return what the sheet calls each column; a text in another language than the source is `text@de`."""
        named: dict[str, str] = self.model_dump(exclude_none=True, exclude={"text"})
        for language, title in (self.text or {}).items():
            named["text" if language in {"", source} else f"text{MARK}{language}"] = title
        return named


class SheetSection(Section):
    """One sheet of `lines`; `encoding` is for a text file whose encoding cannot be told from its bytes."""

    format: Annotated[str, AfterValidator(format_name)] | None = None
    file: ProjectPath
    language: LanguageTag | None = None
    columns: ColumnsSection = ColumnsSection()
    encoding: Encoding | None = None
    sheet: Label | None = None
    metadata: ProjectPath | None = None
    needs_update: Literal["refuse", "skip"] = "refuse"
    placeholders: Literal["refuse", "skip"] = "refuse"

    @field_validator("file")
    @classmethod
    def _of_a_known_kind(cls, path: str, info: ValidationInfo) -> str:
        if info.data.get("format") is None:
            format_of(path)
        return path

    @model_validator(mode="after")
    def _says_what_its_format_has(self) -> "SheetSection":
        kind = FORMATS[self.kind]
        given = {
            "sheet": self.sheet is not None and self.kind != "xlsx",
            "metadata": self.metadata is not None and self.kind != "yarn",
            "needs_update": self.needs_update != "refuse" and self.kind != "yarn",
            "placeholders": self.placeholders != "refuse" and self.kind != "yarn",
            "encoding": self.encoding is not None and not kind.is_text,
            "columns": self.columns != ColumnsSection() and not kind.has_columns,
        }
        if wrong := [key for key, is_wrong in given.items() if is_wrong]:
            raise Refusal(f"a sheet of the format {self.kind} has no {wrong[0]}", hint=_ONLY[wrong[0]])
        return self

    @property
    def kind(self) -> str:
        """The format: the declared one, else by the file's extension."""
        return self.format or format_of(self.file)


_ONLY = {
    "sheet": "only a workbook has several sheets; delete the key",
    "metadata": "it belongs to a Yarn Spinner string table: format: yarn",
    "needs_update": "it belongs to a Yarn Spinner string table: format: yarn",
    "placeholders": "it belongs to a Yarn Spinner string table: format: yarn",
    "encoding": "a workbook says its encoding itself; delete the key",
    "columns": "a script has speakers and dialogue, no columns; delete the key",
}


def as_sheets(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """Let one sheet stand without a list, and its file name without a mapping."""
    if isinstance(given, str | dict):
        given = [given]
    if isinstance(given, list):
        return [{"file": item} if isinstance(item, str) else item for item in given]
    return given


Sheets = Annotated[tuple[SheetSection, ...], BeforeValidator(as_sheets), Field(min_length=1)]


class SayingSection(Section):
    """One way a word of `lexicon` is said: by whom and in which language, or always."""

    say: Annotated[Label, AfterValidator(spoken)]
    characters: Annotated[tuple[KeyName, ...], OneOrMore] = ()
    languages: Annotated[tuple[LanguageTag, ...], OneOrMore] = ()
    exact: bool = False

    def pronunciation(self, word: str) -> Pronunciation:
        """Return it for its word."""
        return Pronunciation(word, self.say, self.characters, self.languages, self.exact)


def as_sayings(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """Let one saying stand without a list, and one for everybody as its text alone."""
    every = given if isinstance(given, list) else [given]
    return [{"say": item} if isinstance(item, str) else item for item in every]


Sayings = Annotated[tuple[SayingSection, ...], BeforeValidator(as_sayings), Field(min_length=1)]


class ProjectSection(Section):
    """The whole file."""

    production: Slug
    title: Label | None = None
    language: LanguageTag | None = None
    languages: Annotated[tuple[LanguageTag, ...], OneOrMore] = ()
    model: ProviderId = DEFAULT_MODEL
    format: AudioFormat = DEFAULT_FORMAT
    speed: Speed = 1.0
    pitch: Pitch | None = None
    volume: Volume | None = None
    emotion: Emotion | None = None
    budget: Micros | None = None
    talents: dict[KeyName, TalentSection] = Field(default_factory=dict)
    characters: Annotated[dict[KeyName, CharacterSection], Field(min_length=1)]
    lexicon: dict[Word, Sayings] = Field(default_factory=dict)
    quality: QualitySection = QualitySection()
    normalise: bool = False
    episode: EpisodeSection | None = None
    lines: Sheets

    def words(self) -> Lexicon:
        """Return how words are said that a voice would say otherwise."""
        entries = [saying.pronunciation(word) for word, sayings in self.lexicon.items() for saying in sayings]
        return Lexicon(tuple(entries))

    def settings(self) -> Settings:
        """Return what applies to every line that says nothing else."""
        delivery = Delivery(self.speed, self.pitch, self.volume, self.emotion)
        return Settings(model=self.model, format=self.format, delivery=delivery)
