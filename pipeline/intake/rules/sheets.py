"""What a sheet is, whatever its kind: a header and records, read one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from pipeline.intake.rules.course import Course
from pipeline.intake.rules.languages import ONE_LANGUAGE, Languages
from pipeline.intake.rules.problems import Refusal


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `row` as its author counts, `line` as a text editor counts (None in a binary file), both from 1.

    `doubts` say of single cells, by position, that they do not hold what their author sees. They are problems where
    the cell is to be spoken or to name something; a column that is only kept, is kept.
    """

    row: int
    line: int | None
    cells: Sequence[str]
    doubts: Mapping[int, Refusal] | None = None


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A row that cannot be taken apart; the reader goes on with the next one."""

    row: int
    line: int | None
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Places:
    """How the author of a sheet finds a row, and a cell in it."""

    noun: str = "row"
    part: str = "column"

    def row(self, row: int) -> str:
        """Name a row."""
        return f"{self.noun} {row}"

    def titled(self, row: int, title: str) -> str:
        """Name the cell of a row by its column's title, whether there is such a column or not."""
        return f"{self.row(row)}, {self.part} {title}"

    def cell(self, row: int, position: int, title: str) -> str:  # noqa: ARG002 - for sheets whose columns have letters
        """Name a cell that is there; `position` is counted from 0."""
        return self.titled(row, title)


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open sheet. `header` is None where the file holds nothing; `encoding` is None for a binary file.

    `notes` are complete when the records have been read: what was left out, and is no problem.
    `has_cues` says that characters are named by cues: in capitals, or in tags that hold no space. `lock` is the column
    that changes with the text of the source, and that translations repeat as long as they are of that text.
    `knows_pauses` says that its reader has cut the texts at their pauses: what looks like one there is said.
    `stranger_hint` says what to do about a character that the project does not know, where it is no misspelt one.
    """

    header: Record | None
    records: Iterator[Record | BrokenRecord]
    encoding: str | None
    places: Places = Places()
    notes: list[str] = field(default_factory=list)
    has_cues: bool = False
    lock: str = ""
    knows_pauses: bool = False
    stranger_hint: str = "add the character to the project file"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a sheet before it is opened: its language, and what its entry under `lines` says.

    `companion` opens the file beside it that holds more about its lines, where there is one; raises `Refusal`.
    `course` goes through all scripts of the project.
    """

    language: str
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    languages: Languages = ONE_LANGUAGE
    sheet: str | None = None
    skips_outdated: bool = False
    skips_placeholders: bool = False
    companion: Callable[[], BinaryIO | None] = lambda: None
    course: Course = field(default_factory=Course)


class SheetReader(Protocol):
    """Reads one kind of file. Raises `Refusal` where the file as a whole cannot be read."""

    def __call__(self, file: BinaryIO, wanted: Wanted) -> Sheet:
        """Open a sheet. The file can be sought in, and stays open until the records have been read."""
