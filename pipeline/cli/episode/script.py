"""A script against what is spoken of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.cli.client import Client
from pipeline.cli.episode.pieces import lines_in, pieces, spoken_lines
from pipeline.cli.submission import LocalProject
from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode.timeline import Piece


@dataclass(frozen=True)
class Script:
    """The pieces of an episode in one language, and those of them that have their take."""

    local: LocalProject
    language: str
    pieces: Sequence[Piece]
    spoken: Mapping[str, str]
    """The fingerprint of each line's take."""
    shared: Mapping[str, Path] = field(default_factory=dict)
    """Where on this disk lies what it names in the bucket, by its name."""

    @classmethod
    def of(
        cls,
        client: Client,
        local: LocalProject,
        language: str | None = None,
        shared: Mapping[str, Path] | None = None,
    ) -> "Script":
        """Read a script against what is spoken of it; raises `UsageError` where it has no such language."""
        project = local.project
        chosen = language or project.language
        found = pieces(project, lines_in(project, chosen))
        body = {**local.plan_body(client), "only": []}
        return cls(local, chosen, found, spoken_lines(client, body), shared or {})

    @property
    def episode(self) -> Episode:
        """What the project says of it; the defaults where it says nothing."""
        return self.local.project.episode or Episode()

    @property
    def scored(self) -> Episode:
        """What the project says of it, with the paths on this disk of what lies in the bucket."""
        music = self.episode.music
        paths = {role: self._path(name) for role, name in self.episode.shared.items() if name in self.shared}
        found: dict[str, Any] = {
            role: replace(music[role], file=path) if role in music else path for role, path in paths.items()
        }
        return replace(self.episode, **found)

    @property
    def name(self) -> str:
        """What its files are called."""
        project = self.local.project
        return project.production if self.language == project.language else f"{project.production}.{self.language}"

    @property
    def cover(self) -> Path | None:
        """Where its cover lies on this disk, if it has one."""
        cover = self.scored.cover
        return self.local.folder / cover if cover else None

    def missing(self) -> list[Piece]:
        """Return the pieces that have no take yet."""
        return [piece for piece in self.pieces if piece.line_id not in self.spoken]

    def _path(self, name: str) -> str:
        return str(self.shared[name].absolute())
