"""The key `episode` of a project file."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.intake.rules import names
from pipeline.intake.rules.episode import BUCKET, Channels, Episode, EpisodeFormat, Music, Pauses
from pipeline.intake.rules.fields import Day, KeyName, Label, OneOrMore, Prose, Section
from pipeline.intake.rules.problems import Refusal, listed

MUSIC_SUFFIXES = (".mp3", ".wav", ".flac", ".m4a", ".ogg", ".opus")
COVER_SUFFIXES = (".jpg", ".jpeg", ".png")
LONGEST_PAUSE = 60.0
"""Seconds; what is longer is taken for a slip of the pen."""
LONGEST_FADE = 60.0
MOST_NUMBER = 99_999
"""Of an episode or a season."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,5}(\.[0-9]{1,6})?")
_WHOLE = re.compile(r"[0-9]{1,5}")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_CHANNELS: Mapping[str, Channels] = {"1": 1, "mono": 1, "2": 2, "stereo": 2}
_USUAL_MUSIC = {
    "intro": Music("", under=2.0),
    "outro": Music("", under=2.0),
    "bed": Music("", level_db=-14.0, duck_db=-10.0, fade=3.0),
    "sting": Music("", level_db=-4.0, fade=0.1),
}
"""What a piece of music does where its entry says nothing else."""


def amount(text: str, unit: str, least: float, most: float) -> float:
    """Accept a number between two bounds, with its unit behind it or without."""
    plain = text.strip().removesuffix(unit).strip()
    allowed = f"a number from {least:g} to {most:g} ({unit})"
    if not _NUMBER.fullmatch(plain):
        raise Refusal("this is not a number", allowed=allowed)
    if not least <= float(plain) <= most:
        raise Refusal("this is out of range", allowed=allowed)
    return float(plain)


def _amount(unit: str, least: float, most: float) -> BeforeValidator:
    return BeforeValidator(lambda given: amount(given, unit, least, most) if isinstance(given, str) else given)


def _count(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    if isinstance(given, str) and not _WHOLE.fullmatch(given):
        raise Refusal("this is not a number that counts", allowed=f"0 to {MOST_NUMBER}")
    return int(given) if isinstance(given, str) else given


def _channels(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    if isinstance(given, str) and given not in _CHANNELS:
        raise Refusal("this is not a number of channels", allowed=listed(_CHANNELS))
    return _CHANNELS[given] if isinstance(given, str) else given


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise Refusal("this is not an address", allowed="one that begins with https:// or http://")
    return text


def _path_or_name(text: str, suffixes: tuple[str, ...]) -> str:
    """Return the path of a file inside the project, or `bucket:NAME`."""
    if text.startswith(BUCKET):
        return _shared(text)
    path = names.project_path(text)
    if posixpath.splitext(path)[1].lower() not in suffixes:
        raise Refusal("files of this kind cannot be used here", allowed=listed(suffixes))
    return path


def _cover(text: str) -> str:
    return _path_or_name(text, COVER_SUFFIXES)


def _music(text: str) -> str:
    return _path_or_name(text, MUSIC_SUFFIXES)


def _shared(text: str) -> str:
    name = text.removeprefix(BUCKET).strip()
    if not name or name != names.slugged(name):
        raise Refusal(
            "this is no name in the bucket",
            allowed="bucket: and lower-case letters, digits, - and _",
            hint="`callsheet music` lists what there is",
        )
    return BUCKET + name


Pause = Annotated[float, _amount("s", 0.0, LONGEST_PAUSE)]
Fade = Annotated[float, _amount("s", 0.0, LONGEST_FADE)]
Count = Annotated[int, BeforeValidator(_count)]


class PausesSection(Section):
    """`episode.pauses`: seconds of silence."""

    line: Pause | None = None
    paragraph: Pause | None = None
    speaker: Pause | None = None
    chapter: Pause | None = None

    def pauses(self) -> Pauses:
        """Return them, the usual ones where none are given."""
        return replace(Pauses(), **self.model_dump(exclude_none=True))


class MusicSection(Section):
    """`episode.intro`, `outro`, `bed` or `sting`."""

    file: Annotated[str, AfterValidator(_music)]
    level_db: Annotated[float, _amount("dB", -60.0, 12.0)] | None = None
    duck_db: Annotated[float, _amount("dB", -60.0, 0.0)] | None = None
    fade: Fade | None = None
    under: Fade | None = None

    def music(self, role: str) -> Music:
        """Return it, with what is usual for its role where the entry says nothing else."""
        return replace(_USUAL_MUSIC[role], **self.model_dump(exclude_none=True))


def _as_mapping(given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    return {"file": given} if isinstance(given, str) else given


MusicEntry = Annotated[MusicSection, BeforeValidator(_as_mapping)]


class EpisodeSection(Section):
    """`episode`: how the lines become one, and what its files say about it."""

    show: Label | None = None
    number: Count | None = None
    season: Count | None = None
    description: Prose | None = None
    author: Label | None = None
    link: Annotated[str, AfterValidator(_address)] | None = None
    cover: Annotated[str, AfterValidator(_cover)] | None = None
    narrator: KeyName | None = None
    channels: Annotated[Channels, BeforeValidator(_channels)] | None = None
    loudness: Annotated[float, _amount("LUFS", -40.0, -9.0)] | None = None
    ceiling: Annotated[float, _amount("dBTP", -9.0, 0.0)] | None = None
    formats: Annotated[tuple[EpisodeFormat, ...], OneOrMore, Field(min_length=1)] | None = None
    pauses: PausesSection = PausesSection()
    intro: MusicEntry | None = None
    outro: MusicEntry | None = None
    bed: MusicEntry | None = None
    sting: MusicEntry | None = None
    explicit: bool = False
    guid: Label | None = None
    date: Day | None = None

    def episode(self) -> Episode:
        """Return what it declares."""
        own = {field.name: getattr(self, field.name) for field in fields(Episode)}
        music = {role: entry.music(role) for role in _USUAL_MUSIC if (entry := own[role]) is not None}
        given = {name: value for name, value in own.items() if value is not None}
        return Episode(**given | music | {"pauses": self.pauses.pauses()})
