"""What a project says of its episode: pauses, music, loudness, and what its files tell about it."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Channels: TypeAlias = Literal[1, 2]
EpisodeFormat: TypeAlias = Literal["mp3", "mp3_vbr", "m4b", "m4a", "opus", "flac", "flac_24", "wav", "wav_24"]

BUCKET = "bucket:"
"""In front of the name of music, or of a cover, that the account shares."""
STEREO_LUFS, MONO_LUFS = -16.0, -19.0
"""What podcast platforms ask for; one channel played on both sounds 3 LU louder."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence between lines, in seconds; where several fit, the last of this list counts."""

    line: float = 0.35
    """Between lines of one paragraph."""
    paragraph: float = 0.7
    """Between paragraphs of one speaker."""
    speaker: float = 0.55
    """Where another one speaks."""
    chapter: float = 1.6


@dataclass(frozen=True, slots=True)
class Music:
    """A piece of music or a sound; `file` is its path inside the project's folder, or `bucket:NAME`.

    Levels are in dB, times in seconds.
    """

    file: str
    level_db: float = -3.0
    """Its loudness against that of the speech."""
    duck_db: float = -12.0
    """How much lower it goes while somebody speaks; 0 or below."""
    fade: float = 1.5
    """How long it fades in, where it is cut into, and out."""
    under: float = 0.0
    """How long speech and music overlap, at the end of an intro and at the beginning of an outro."""

    @property
    def shared(self) -> str:
        """Its name where it lies in the bucket; nothing where it is a file of the project."""
        return _shared_name(self.file)


@dataclass(frozen=True, slots=True)
class Episode:
    """How the spoken lines become an episode, and what its files say about it."""

    show: str = ""
    number: int | None = None
    season: int | None = None
    description: str = ""
    author: str = ""
    link: str = ""
    """The address of the episode, or of the show."""
    cover: str | None = None
    """The path of a JPEG or PNG inside the project's folder, or `bucket:NAME`."""
    narrator: str | None = None
    """The character that speaks paragraphs of a script without a speaker."""
    channels: Channels = 2
    loudness: float | None = None
    """Integrated loudness in LUFS; None for what the number of channels asks for."""
    ceiling: float = -1.0
    """Highest true peak, in dBTP."""
    formats: tuple[EpisodeFormat, ...] = ("mp3", "m4b")
    pauses: Pauses = Pauses()
    intro: Music | None = None
    outro: Music | None = None
    bed: Music | None = None
    """Under the whole talk; begun anew or cut where it is shorter or longer."""
    sting: Music | None = None
    """Between chapters."""
    explicit: bool = False
    guid: str = ""
    date: "date | None" = None
    """The day of publication."""

    @property
    def target_lufs(self) -> float:
        """The integrated loudness to reach."""
        if self.loudness is not None:
            return self.loudness
        return STEREO_LUFS if self.channels == 2 else MONO_LUFS  # noqa: PLR2004 - left and right

    @property
    def music(self) -> dict[str, Music]:
        """Its pieces of music by what they are for, in the order of their keys."""
        every = {"intro": self.intro, "outro": self.outro, "bed": self.bed, "sting": self.sting}
        return {role: music for role, music in every.items() if music is not None}

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all files of the project that it is made of beside the speech."""
        return tuple(dict.fromkeys(file for file in self._material.values() if not _shared_name(file)))

    @property
    def shared(self) -> dict[str, str]:
        """The names of what it takes from the bucket, by what it is for."""
        return {role: name for role, file in self._material.items() if (name := _shared_name(file))}

    @property
    def _material(self) -> dict[str, str]:
        cover = {"cover": self.cover} if self.cover else {}
        return {role: music.file for role, music in self.music.items()} | cover


def _shared_name(file: str) -> str:
    return file.removeprefix(BUCKET) if file.startswith(BUCKET) else ""
