"""What a project file declares of a production, where one is at hand; its sheets are not read."""

from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from pipeline.cli.console import say
from pipeline.cli.submission import project_path
from pipeline.errors import InvalidSheet, UsageError
from pipeline.intake.rules import read_head


@dataclass(frozen=True)
class Declared:
    """A production's name, and the languages that its project file lists; none where there is no such file."""

    production: str
    languages: tuple[str, ...] = ()


def declared(meant: str) -> Declared:
    """Return the production that is meant by its name, or by its project file or folder.

    A folder that is called as the production is looked into as well. Raises `InvalidSheet` where a file is named that
    cannot be read.
    """
    path = Path(meant)
    if path.is_file():
        return _read(path)
    if not path.is_dir():
        return Declared(meant)
    try:
        found = _read(project_path(path))
    except InvalidSheet as wrong:
        say(f"{escape(wrong.message)}: languages in which there is no line at all are not known.")
        return Declared(meant)
    except UsageError:
        return Declared(meant)  # the folder of an earlier pull, say
    return found if found.production == meant or path.name != meant else Declared(meant)


def _read(path: Path) -> Declared:
    file = read_head(path.name, lambda name: path.parent / name)
    return Declared(file.section.production if file.section else "", file.languages.every)
