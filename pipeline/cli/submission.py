"""A project on disk, as the API takes it."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.cli.client import Client
from pipeline.errors import InvalidSheet, UsageError
from pipeline.intake.rules import Project, read_project
from pipeline.intake.rules.front_matter import end_of_block
from pipeline.intake.rules.problems import NO_SUCH_FILE, closest

INLINE_BYTES = 1_000_000
"""Of all documents together, up to which they are part of a request."""
SNIFFED_CHARS = 100_000
"""Of a Markdown file, to find out whether it is a project."""
SHEET_SUFFIXES = (".csv", ".tsv", ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".fountain", ".ssml", ".txt")
"""Of files that hold lines and never a project."""
MOST_NEAR = 5_000
"""Files of the project's folder among which a misspelt one is looked for."""
PROJECT_NAMES = ("cast.yaml", "episode.yaml", "project.yaml", "episode.md")


@dataclass(frozen=True)
class LocalProject:
    """A project file that has been read, with the folder its paths are relative to."""

    folder: Path
    name: str
    project: Project
    hashes: dict[str, str]

    @classmethod
    def read(cls, given: Path) -> "LocalProject":
        """Read a project file, or the one in a folder; raises `InvalidSheet` with every problem of it."""
        path = project_path(given)
        folder = path.parent

        def read(name: str) -> Path:
            return folder / name

        try:
            project = read_project(path.name, read, exists=lambda name: (folder / name).is_file())
        except InvalidSheet as wrong:
            _refuse_sheet(path, wrong)
            _name_near_files(folder, wrong)
            raise
        return cls(folder, path.name, project, {name: _sha256(folder / name) for name in project.files})

    def recordings(self) -> dict[str, str]:
        """Return the SHA-256 of each reference recording, by path."""
        return {talent.reference: self.hashes[talent.reference] for talent in self.project.talents.values()}

    def plan_body(self, client: Client) -> dict[str, Any]:
        """Return what the API plans from; documents of more than a megabyte together are uploaded for it."""
        recordings = self.recordings()
        evidence = {talent.consent.evidence for talent in self.project.talents.values() if talent.consent}
        attachments = {*evidence, *(self.project.episode.files if self.project.episode else ())}
        documents = [name for name in self.project.files if name not in recordings and name not in attachments]
        body: dict[str, Any] = {"project": self.name, "references": recordings}
        if sum((self.folder / name).stat().st_size for name in documents) > INLINE_BYTES:
            self._send(client, documents)
            return {**body, "files": {name: self.hashes[name] for name in documents}}
        encoded = {name: base64.b64encode((self.folder / name).read_bytes()).decode() for name in documents}
        return {**body, "documents": encoded}

    def upload(self, client: Client, report: Callable[[str, int], None]) -> None:
        """Send to the bucket what it does not have; `report` gets each file and its bytes."""
        for path in self._send(client, self.hashes):
            report(path.name, path.stat().st_size)

    def _send(self, client: Client, names: Iterable[str]) -> list[Path]:
        by_hash = {self.hashes[name]: self.folder / name for name in names}
        wanted = [{"sha256": sha256, "bytes": path.stat().st_size} for sha256, path in by_hash.items()]
        missing = [file for file in client.post("/uploads", {"files": wanted})["files"] if not file["present"]]
        for file in missing:
            client.upload(file["form"], by_hash[file["sha256"]])
        return [by_hash[file["sha256"]] for file in missing]


def project_path(given: Path) -> Path:
    """Return a project file, or the one in a folder; raises `UsageError` where there is none, or are several."""
    if given.is_file():
        return given
    found = [given / name for name in PROJECT_NAMES if (given / name).is_file()] or _scripts(given)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{given} holds {' and '.join(path.name for path in found)}.", hint="Name the one that is meant."
        )
    raise UsageError(
        f"There is no project file at {given}.",
        hint=f"Name one, or a folder with one of {', '.join(PROJECT_NAMES)}; `callsheet init` writes one.",
    )


def _refuse_sheet(path: Path, wrong: InvalidSheet) -> None:
    """Raise `UsageError` where a sheet was given that is no project file, and what is wrong is told of it as of one."""
    kind = path.suffix.lower()
    if kind in SHEET_SUFFIXES and all(problem["file"] == path.name for problem in wrong.data["problems"]):
        raise UsageError(
            f"{path.name} holds lines, and does not say who speaks them: it is no project file.",
            hint=f"Name a project file beside it, with `lines: {path.name}` and the characters in it;"
            " `callsheet init` writes one to start from.",
        ) from wrong


def _name_near_files(folder: Path, wrong: InvalidSheet) -> None:
    """Let each problem of a file that is not there name the one that was probably meant."""
    missing = [problem for problem in wrong.data["problems"] if problem["message"] == NO_SUCH_FILE]
    if not missing:
        return
    every = [path.relative_to(folder) for path in islice(folder.glob("**/*.*"), MOST_NEAR) if path.is_file()]
    for problem in missing:
        same_name = [path.as_posix() for path in every if path.name == Path(problem["value"]).name]
        meant = same_name[0] if len(same_name) == 1 else closest(problem["value"], [path.as_posix() for path in every])
        problem["hint"] = f"did you mean {meant}?" if meant else problem["hint"]


def _scripts(folder: Path) -> list[Path]:
    """Return the Markdown files of a folder that are projects: those with front matter that names a production."""
    return [path for path in sorted(folder.glob("*.md")) if path.is_file() and _names_production(path)]


def _names_production(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(SNIFFED_CHARS).split("\n")
    return any(line.startswith("production:") for line in head[1 : end_of_block(head)])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
