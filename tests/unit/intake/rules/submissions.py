"""Small projects in memory, right but for what a test is about."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import InvalidSheet
from pipeline.intake.rules import Project, read_project

CAST = """\
production: harbour
talents:
  mara: {reference: references/mara.mp3}
characters:
  MARA: {voice: {talent: mara}}
  HERALD: {voice: {system: English_Announcer}}
lines: lines.csv
"""
HEADER = "id,character,text\n"


class Submission:
    """The files of a project, by path; the project file is `cast.yaml`."""

    def __init__(self, **files: str | bytes) -> None:
        """Replace or add files; `lines__csv` stands for lines.csv."""
        self.files: dict[str, str | bytes] = {"cast.yaml": CAST, "lines.csv": f"{HEADER}a1,MARA,Hello there.\n"}
        self.files |= {name.replace("__", "."): content for name, content in files.items()}

    def read_bytes(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        content = self.files[path]
        return content if isinstance(content, bytes) else content.encode()

    def project(self, path: str = "cast.yaml") -> Project:
        return read_project(path, self.read_bytes)

    def problems(self, path: str = "cast.yaml", exists: Callable[[str], bool] | None = None) -> list[dict[str, Any]]:
        with pytest.raises(InvalidSheet) as raised:
            read_project(path, self.read_bytes, exists)
        found: list[dict[str, Any]] = raised.value.data["problems"]
        return found

    def problem(self, path: str = "cast.yaml") -> dict[str, Any]:
        (only,) = self.problems(path)
        return only


def sheet(content: str | bytes) -> Submission:
    """A submission with this sheet."""
    return Submission(lines__csv=content)


def two_sheets(second: str) -> Submission:
    """A submission with a second sheet, more.csv."""
    return Submission(cast__yaml=CAST.replace("lines.csv", "[lines.csv, more.csv]"), more__csv=second)


def cast(changes: str) -> Submission:
    """A submission whose project file has these keys added, or replaced where it has them."""
    keys = {line.split(":")[0] for line in changes.splitlines() if not line.startswith(" ")}
    kept: list[str] = []
    keep = True
    for line in CAST.splitlines():
        if not line.startswith(" "):
            keep = line.split(":")[0] not in keys
        if keep:
            kept.append(line)
    return Submission(cast__yaml="\n".join([*kept, changes, ""]))


def only_sheet(name: str, content: str | bytes, entry: str = "", **beside: str | bytes) -> Submission:
    """A submission whose only sheet is this file; `entry` is what the project file says of it beyond its name."""
    files = cast(f"lines: [{{file: {name}{entry}}}]")
    files.files |= {name: content, **{other.replace("__", "."): data for other, data in beside.items()}}
    return files


def told(files: Submission) -> list[tuple[str, str]]:
    """Where each problem is, and the value that it is about."""
    return [(problem["place"], problem["value"]) for problem in files.problems()]
