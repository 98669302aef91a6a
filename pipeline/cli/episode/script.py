"""A script against what is spoken of it."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    spoken: frozenset[str]

    @classmethod
    def of(cls, client: Client, local: LocalProject, language: str | None = None) -> "Script":
        """Read a script against what is spoken of it; raises `UsageError` where it has no such language."""
        project = local.project
        chosen = language or project.language
        found = pieces(project, lines_in(project, chosen))
        body = {**local.plan_body(client), "only": []}
        return cls(local, chosen, found, frozenset(spoken_lines(client, body)))

    @property
    def episode(self) -> Episode:
        """What the project says of it; the defaults where it says nothing."""
        return self.local.project.episode or Episode()

    @property
    def name(self) -> str:
        """What its files are called."""
        project = self.local.project
        return project.production if self.language == project.language else f"{project.production}.{self.language}"

    def missing(self) -> list[Piece]:
        """Return the pieces that have no take yet."""
        return [piece for piece in self.pieces if piece.line_id not in self.spoken]
