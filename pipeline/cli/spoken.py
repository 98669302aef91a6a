"""What of a project's lines is said otherwise than it is written, before anything is sent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline import wording
from pipeline.cli.console import table
from pipeline.intake.rules import Line, Project, Source, spoken_text

MOST_ROWS = 2_000
"""Of a table: nobody reads more; `--json` has all."""


@dataclass(frozen=True, slots=True)
class SpokenOtherwise:
    """A part of a line that is said otherwise, by what, and whether the provider is sent what is said."""

    line_id: str
    file: str
    row: int
    character: str
    written: str
    said: str
    by: Source
    sent: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return asdict(self)


def spoken_otherwise(project: Project) -> Iterator[SpokenOtherwise]:
    """Yield what of each line is said otherwise, in the lines' order."""
    for line in project.lines:
        yield from _of(project, line)


def _of(project: Project, line: Line) -> Iterator[SpokenOtherwise]:
    text = spoken_text(line.text)
    for start, end, said, source in project.sayings(line, reads_numbers=True):
        if source is Source.PAUSE or said == text[start:end]:
            continue
        sent = project.normalise or source is not Source.READING
        place = line.id, line.file, line.row, line.character
        yield SpokenOtherwise(*place, text[start:end], said, source, sent)


def view(project: Project, found: Sequence[SpokenOtherwise]) -> Group:
    """Show it, and say what the provider is sent."""
    return Group(_table(found[:MOST_ROWS]), *(Text.from_markup(told) for told in _told(project, found)))


def _table(found: Iterable[SpokenOtherwise]) -> Table:
    made = table("Said otherwise than written", "row", "character", "written", "said", "by", right=frozenset({"row"}))
    for one in found:
        by = one.by.value if one.sent else f"[dim]{one.by.value}, not sent[/]"
        made.add_row(str(one.row), escape(one.character), escape(one.written), escape(one.said), by)
    return made


def _told(project: Project, found: Sequence[SpokenOtherwise]) -> Iterator[str]:
    if len(found) > MOST_ROWS:
        yield f"... and {len(found) - MOST_ROWS} more; --json has all of them."
    if any(not one.sent for one in found):
        yield (
            "What is marked [dim]not sent[/] shows how Callsheet reads it. The provider is sent what is written, and"
            " reads it its own way; with [bold]normalise: true[/] in the project file it is sent as shown."
        )
    unread = [tag for tag in dict.fromkeys((project.language, *project.languages)) if not wording.reads(tag)]
    if unread:
        yield f"Numbers, dates and abbreviations are read in English only; they stay as written in {', '.join(unread)}."
