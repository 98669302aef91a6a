"""What a sheet is, whatever its kind: a header and records, read one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `row` as a spreadsheet counts, `line` as a text editor counts (None in a binary file), both from 1."""

    row: int
    line: int | None
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A row that cannot be taken apart; the reader goes on with the next one."""

    row: int
    line: int | None
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open sheet. `header` is None where the file holds nothing; `encoding` is None for a binary file."""

    header: Record | None
    records: Iterator[Record | BrokenRecord]
    encoding: str | None


class SheetReader(Protocol):
    """Reads one kind of file. Raises `Refusal` where the file as a whole cannot be read."""

    def __call__(self, file: BinaryIO, *, language: str, encoding: str | None) -> Sheet:
        """Open a sheet; `language` and the declared `encoding` help where bytes are ambiguous.

        The file can be sought in, and stays open until the records have been read.
        """
