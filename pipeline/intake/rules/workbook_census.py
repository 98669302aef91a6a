"""What a workbook would make of memory, counted before a library reads it.

A workbook is a ZIP file of XML, so that a few kilobytes can stand for gigabytes: of zeros, of cells in one row, of
entities. Everything here is read in pieces, and nothing of it is kept but numbers.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from pipeline.intake.rules.problems import Refusal

WORKBOOK_BYTES = 64 << 20
"""Of the file as it lies there; half a million lines take a quarter of it."""
DIRECTORY_BYTES = 1 << 20
"""Of the ZIP file's list of contents: room for 10,000 parts."""
UNPACKED_BYTES = 1 << 30
SHEET_BYTES, STRINGS_BYTES, PART_BYTES = 512 << 20, 256 << 20, 16 << 20
"""Of one sheet's XML, of the table of its texts, and of any other part; the first two are read in pieces."""
LAST_ROW, LAST_COLUMN = 1 << 20, 1 << 14
"""What a sheet may have in any spreadsheet program: XFD1048576."""
MOST_CELLS = 40_000_000
MOST_ITEMS = 10_000
"""Elements inside one cell or text, which is in memory whole."""
LONGEST_TEXT = 4 << 20
MOST_OTHERS = 1_000_000
"""Elements of a sheet that are no cells: merged cells, rules, filters."""
PIECE = 1 << 16

_END_OF_DIRECTORY, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
_IN_CELLS = frozenset({"v", "f", "is", "t", "r", "rPr"})


@dataclass
class Part:
    """What one part of a workbook holds; `root` is empty where it is no XML."""

    root: str = ""
    uncalculated: set[str] = field(default_factory=set)
    """Cells with a formula whose result was not stored."""


def take_census(file: BinaryIO) -> dict[str, Part]:
    """Return what each part holds; raises `Refusal` where reading any of them could cost too much."""
    size = file.seek(0, io.SEEK_END)
    if size > WORKBOOK_BYTES:
        hint = "delete pictures and sheets that are not needed, or export the sheet as CSV UTF-8"
        raise Refusal(f"the workbook has {size} bytes", allowed=f"at most {WORKBOOK_BYTES}", hint=hint)
    _bounded_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > UNPACKED_BYTES:
            raise _too_large("the workbook", unpacked, UNPACKED_BYTES)
        return {entry.filename: _counted(archive, entry) for entry in archive.infolist() if not entry.is_dir()}


def _bounded_directory(file: BinaryIO, size: int) -> None:
    """Refuse a list of contents that would be in memory before anybody could look at it."""
    file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
    tail = file.read()
    end = tail.rfind(_END_OF_DIRECTORY)
    if end < 0 or len(tail) < end + _END_BYTES:
        raise Refusal("the file is no workbook, or its end is missing", hint="save it again as .xlsx")
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    if length > DIRECTORY_BYTES:
        raise Refusal(f"the workbook's list of parts has {length} bytes", allowed=f"at most {DIRECTORY_BYTES}")


def _counted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Part:
    census = _Census(entry.filename)
    with archive.open(entry) as part:
        census.read(iter(lambda: part.read(PIECE), b""))
    most = {"worksheet": SHEET_BYTES, "sst": STRINGS_BYTES}.get(census.part.root, PART_BYTES)
    if entry.file_size > most:
        raise _too_large(f"its part {entry.filename}", entry.file_size, most)
    return census.part


def _too_large(what: str, unpacked: int, most: int) -> Refusal:
    hint = "copy the lines into a new workbook, or export the sheet as CSV UTF-8"
    return Refusal(f"{what} has {unpacked} bytes when unpacked", allowed=f"at most {most}", hint=hint)


class _Census:
    """Counts the elements of one part."""

    def __init__(self, name: str) -> None:
        self.part = Part()
        self._name = name
        self._row = self._cells_in_row = self._cells = self._items = self._others = self._last_byte = 0
        self._cell = self._formula = ""
        self._is_text = False
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._root

    def read(self, pieces: Iterator[bytes]) -> None:
        """Read the part to its end, or as far as it is XML."""
        try:
            for piece in pieces:
                self._parser.Parse(piece, False)
            self._parser.Parse(b"", True)
        except expat.ExpatError as wrong:
            if self.part.root:
                message = f"its part {self._name} is damaged in line {wrong.lineno}: {expat.ErrorString(wrong.code)}"
                raise Refusal(message, hint="open the workbook and save it again as .xlsx") from wrong
        if self._parser.StartElementHandler is not None:
            self._close_text()
        self._note_formula()

    def _doctype(self, *_: object) -> None:
        """No spreadsheet program writes one; entities are what it would be good for."""
        raise Refusal(f"its part {self._name} declares a document type", hint="save the workbook again as .xlsx")

    def _root(self, name: str, _: dict[str, str]) -> None:
        self.part.root = _local(name)
        known = {"worksheet": self._in_sheet, "sst": self._in_strings}
        self._parser.StartElementHandler = known.get(self.part.root)

    def _in_sheet(self, name: str, attributes: dict[str, str]) -> None:
        self._close_text()
        name = _local(name)
        if name == "c":
            self._begin_cell(attributes)
        elif name in _IN_CELLS:
            self._inside(name)
        elif name == "row":
            self._begin_row(attributes)
        else:
            self._others += 1
            if self._others > MOST_OTHERS:
                raise self._too_many(f"{MOST_OTHERS} elements that are no cells")

    def _in_strings(self, name: str, _: dict[str, str]) -> None:
        self._close_text()
        if _local(name) == "si":
            self._items = 0
            self._cells += 1
            if self._cells > MOST_CELLS // 8:
                raise self._too_many(f"{MOST_CELLS // 8} texts")
        else:
            self._inside("")

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._note_formula()
        told = attributes.get("r", "")
        row = int(told) if told.isdecimal() and len(told) <= len(str(LAST_ROW)) else 0 if told else self._row + 1
        if not self._row < row <= LAST_ROW:
            message = f"in its part {self._name} the row {told[:20]} follows the row {self._row}"
            raise Refusal(message, allowed=f"rows up to {LAST_ROW}, in their order", hint="save the workbook again")
        self._row, self._cells_in_row, self._items = row, 0, 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._note_formula()
        self._cell, self._items = attributes.get("r", ""), 0
        self._is_text = attributes.get("t") == "str"
        self._cells_in_row += 1
        self._cells += 1
        if self._cells_in_row > LAST_COLUMN:
            raise self._too_many(f"{LAST_COLUMN} cells in row {self._row}")
        if self._cells > MOST_CELLS:
            raise self._too_many(f"{MOST_CELLS} cells")

    def _inside(self, name: str) -> None:
        self._items += 1
        if self._items > MOST_ITEMS:
            raise self._too_many(f"{MOST_ITEMS} elements in one cell")
        if name == "f":
            self._formula = self._cell
        elif name == "v" and self._formula:
            self._parser.CharacterDataHandler = self._result
            self._formula = "" if self._is_text else self._formula

    def _result(self, _: str) -> None:
        """A formula's result has a character at least, or it is an empty text."""
        self._formula = ""
        self._parser.CharacterDataHandler = None

    def _note_formula(self) -> None:
        self._parser.CharacterDataHandler = None
        if self._formula and len(self.part.uncalculated) < MOST_ITEMS:
            self.part.uncalculated.add(self._formula)
        self._formula = ""

    def _close_text(self) -> None:
        here = self._parser.CurrentByteIndex
        if here - self._last_byte > LONGEST_TEXT:
            raise self._too_many(f"{LONGEST_TEXT} characters without a break")
        self._last_byte = here

    def _too_many(self, what: str) -> Refusal:
        hint = "copy the lines into a new workbook, or export the sheet as CSV UTF-8"
        return Refusal(f"its part {self._name} has more than {what}", hint=hint)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
