"""What is told of an episode beside its words: title, cast, costs, and the addresses of its files."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.timeline import Placed
from pipeline.packs.rules.episode.words import plain

PLACEHOLDER: Final = "https://example.invalid/"
"""Stands where a project names no `link`: a name that never resolves, and that is easily found and replaced."""


class VoiceKind(StrEnum):
    """Where a voice comes from."""

    CLONED = "cloned"
    DESIGNED = "designed"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class CastMember:
    """A character and its voice; `name` is shown.

    `talent` is whose voice was cloned, `consent` how the permission is found again. `role` is one of the Podcast
    Taxonomy; without one who speaks first is the host, `episode.narrator` else the narrator, and all others are guests.
    """

    character: str
    name: str
    voice: VoiceKind
    talent: str = ""
    consent: str = ""
    role: str = ""

    @property
    def disclosure(self) -> str:
        """Say what kind of voice it is."""
        if self.voice is not VoiceKind.CLONED:
            return "synthetic voice"
        return f"cloned voice of {plain(self.talent)}" if self.talent else "cloned voice"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the take of a line was billed: characters, and micro-dollars."""

    characters: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Publication:
    """An episode as it is published; `name` is what its files are called, without an ending.

    `spent` is by line; a line that is missing in it has cost nothing.
    """

    name: str
    title: str
    language: str
    episode: Episode
    cast: Sequence[CastMember] = ()
    spent: Mapping[str, Spent] = field(default_factory=dict)
    cover: str = ""
    """The cover's name beside the episode's files."""

    @property
    def link(self) -> str:
        """The address of the episode."""
        return self.episode.link or PLACEHOLDER

    @property
    def guid(self) -> str:
        """What tells the episode from all others of its feed, for ever: the project's own, else made of its names.

        Not of its address, which may change after players have met it.
        """
        told = (self.episode.show, self.episode.season, self.episode.number, self.name)
        return self.episode.guid or str(uuid.uuid5(uuid.NAMESPACE_URL, repr(told)))

    def address(self, file: str) -> str:
        """Return where a file of the episode is found: in a folder of the link's name."""
        parts = urlsplit(self.link)
        return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{quote(file)}", "", ""))

    def speaking(self, placed: Sequence[Placed]) -> Iterator[tuple[CastMember, str]]:
        """Yield who is heard and in which role, in the order of their first words."""
        known = {member.character: member for member in self.cast}
        heard = dict.fromkeys(one.piece.character for one in placed)
        names = {one.piece.character: one.piece.speaker for one in reversed(placed)}
        for number, character in enumerate(heard):
            member = known.get(character) or CastMember(character, names[character], VoiceKind.SYSTEM)
            spoken = "narrator" if character == self.episode.narrator else "guest"
            yield member, member.role or ("host" if number == 0 else spoken)


def clock(seconds: float) -> str:
    """Write a time as players know it in show notes: 01:02, or 1:00:02 from an hour on."""
    hours, rest = divmod(int(seconds), 3600)
    minutes = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{minutes}" if hours else minutes
