"""Workbooks (.xlsx): one of their sheets, row by row, with what each cell shows.

openpyxl reads them row by row and tells a number's format; `workbook_census` has bounded what it can cost.
"""

import contextlib
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, islice
from typing import Any, BinaryIO

from openpyxl import load_workbook
from openpyxl.packaging.manifest import Manifest
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.xml.constants import SHARED_STRINGS
from openpyxl.xml.functions import fromstring

from pipeline.intake.rules.columns import OF_A_TRANSLATION, REQUIRED, find_columns
from pipeline.intake.rules.csv_sheet import EXPORT_MARK, unguard
from pipeline.intake.rules.problems import Refusal, did_you_mean, listed
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet, Wanted
from pipeline.intake.rules.workbook_census import LAST_ROW, Part, take_census

EXACT_DIGITS = 15
"""Of a number in a spreadsheet; the rest became zeros when it was typed."""
HEADER_ROWS = 20
"""Written rows among which the header is looked for; titles, dates and empty rows stand above it."""
_OLD = b"\xd0\xcf\x11\xe0"
_PLAIN = frozenset({"General", "@", None})
_WHOLE = frozenset({"0", "#"})
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_AS_TEXT = "format the column as Text and type the cell again"
_SAVE_AGAIN = "open it, and save it again as Excel Workbook (.xlsx)"
_DAMAGED = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError,
    SyntaxError, KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, AssertionError,
)  # fmt: skip
"""What openpyxl leaves a damaged workbook with: whatever the place threw that met the damage."""


@dataclass(frozen=True, slots=True)
class WorkbookPlaces(Places):
    """Places as a spreadsheet program writes them: Lines!C7."""

    sheet: str = ""

    def row(self, row: int) -> str:
        """Name a row of the sheet."""
        return f"{self.sheet}, row {row}"

    def cell(self, row: int, position: int, title: str) -> str:  # noqa: ARG002 - its letter names the column
        """Name a cell of the sheet."""
        return f"{self.sheet}!{get_column_letter(position + 1)}{row}"


def read_workbook(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open the sheet that is asked for by name, else the first one whose header fits best."""
    # It warns of every extension that it leaves alone; none of them is about what a cell holds.
    warnings.filterwarnings("ignore", module=r"openpyxl\.")
    if file.read(len(_OLD)) == _OLD:
        raise Refusal("the file is an old Excel workbook (.xls), or has a password", hint=_SAVE_AGAIN)
    try:
        parts = take_census(file)
        _texts_are_texts(file, parts)
        file.seek(0)
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Refusal:
        raise
    except _DAMAGED as wrong:
        raise Refusal(f"the workbook cannot be read: {_said(wrong)}", hint=_SAVE_AGAIN) from wrong
    return _fitting(book.worksheets, parts, wanted)


def _texts_are_texts(file: BinaryIO, parts: Mapping[str, Part]) -> None:
    """Refuse a workbook that names another part as its table of texts: only one of that kind has been bounded so."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        manifest = Manifest.from_tree(fromstring(archive.read("[Content_Types].xml")))
    found = manifest.find(SHARED_STRINGS)
    if found is not None and parts.get(found.PartName[1:], Part()).root != "sst":
        raise Refusal("the workbook's table of texts is none", hint=_SAVE_AGAIN)


def _fitting(sheets: Sequence[Any], parts: Mapping[str, Part], wanted: Wanted) -> Sheet:
    titles = [sheet.title for sheet in sheets]
    if wanted.sheet is not None:
        found = [sheet for sheet in sheets if sheet.title == wanted.sheet]
        if not found:
            hint = did_you_mean(wanted.sheet, titles)
            raise Refusal(f"the workbook has no sheet {wanted.sheet}", allowed=listed(titles), hint=hint)
        return _opened(found[0], parts, wanted)
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
    best: Sheet | None = None
    fewest = sys.maxsize
    for number, each in enumerate(visible):
        sheet = _opened(each, parts, wanted)
        faults = _faults(sheet, wanted)
        if best is None or faults < fewest:
            best, fewest = sheet, faults
        if not faults:
            sheet.notes.extend(_others(visible[number + 1 :], parts, wanted))
            return sheet
    if best is None:
        raise Refusal("the workbook has no sheet that can be seen", allowed=listed(titles))
    return best


def _others(sheets: Iterable[Any], parts: Mapping[str, Part], wanted: Wanted) -> Iterator[str]:
    """Name the sheets that could have been read as well: nobody should miss an act of the script."""
    titles = []
    for each in sheets:
        with contextlib.suppress(Refusal):
            if not _faults(_opened(each, parts, wanted), wanted):
                titles.append(each.title)
    if titles:
        yield f"not read by this entry, though the columns fit: {listed(titles)}; `sheet: {titles[0]}` reads another"


def _faults(sheet: Sheet, wanted: Wanted) -> int:
    """Count what the header lacks; a sheet without any lacks more than every other."""
    if sheet.header is None:
        return sys.maxsize
    return len(find_columns(sheet.header.cells, wanted.columns, languages=wanted.languages)[1])


def _opened(sheet: Any, parts: Mapping[str, Part], wanted: Wanted) -> Sheet:  # noqa: ANN401 - openpyxl has no types
    part = parts.get(sheet._worksheet_path, Part())  # noqa: SLF001 - the only name that the census shares with it
    sheet.reset_dimensions()  # what a sheet says of its size may be anything
    records = _records(sheet, part.uncalculated)
    written = (record for record in records if isinstance(record, BrokenRecord) or any(record.cells))
    top = list(islice(written, HEADER_ROWS))
    if top and isinstance(top[0], BrokenRecord):
        raise Refusal(top[0].message, hint=top[0].hint)
    number = next((n for n, record in enumerate(top) if _names_columns(record, wanted)), 0)
    first = top[number] if top else None
    rest = chain(top[number + 1 :], records)
    notes = [f"not spoken, because it stands above the header: row {listed(str(one.row) for one in top[:number])}"]
    told = (WorkbookPlaces(sheet=sheet.title), notes if number else [])
    if not isinstance(first, Record):
        return Sheet(None, rest, None, *told)
    if EXPORT_MARK in first.cells:
        first = Record(first.row, None, list(map(unguard, first.cells)))
        return Sheet(first, map(_unguarded, rest), None, *told)
    return Sheet(first, rest, None, *told)


def _names_columns(record: Record | BrokenRecord, wanted: Wanted) -> bool:
    """Tell whether a row names every column that is needed: studios put a title above their header."""
    if isinstance(record, BrokenRecord):
        return False
    known = find_columns(record.cells, wanted.columns, languages=wanted.languages)[0].known
    return known.keys() >= {*(OF_A_TRANSLATION if wanted.languages.is_translation else REQUIRED)}


def _unguarded(record: Record | BrokenRecord) -> Record | BrokenRecord:
    if isinstance(record, BrokenRecord):
        return record
    return Record(record.row, None, list(map(unguard, record.cells)), record.doubts)


def _records(sheet: Any, uncalculated: AbstractSet[str]) -> Iterator[Record | BrokenRecord]:  # noqa: ANN401 - same
    row = 0
    try:
        for row, cells in enumerate(sheet.iter_rows(), 1):
            if row > LAST_ROW:
                break
            if cells:  # none in a row that the sheet leaves out, of which there may be a million
                yield _record(row, cells, uncalculated)
    except _DAMAGED as wrong:
        message = f"the sheet cannot be read from here on: {_said(wrong)}"
        yield BrokenRecord(row + 1, None, message, _SAVE_AGAIN)


def _record(row: int, cells: Sequence[Any], uncalculated: AbstractSet[str]) -> Record:
    texts: list[str] = []
    doubts: dict[int, Refusal] = {}
    for position, cell in enumerate(cells):
        value = cell.value
        if isinstance(value, str) and cell.data_type == "s":
            texts.append(_unescaped(value) if "_x" in value else value)
            continue
        text, doubt = ("", None) if value is None else _shown(cell)
        if value is None and uncalculated and f"{get_column_letter(position + 1)}{row}" in uncalculated:
            hint = "open the workbook in a spreadsheet program and save it there"
            doubt = Refusal("the formula's result is not stored in the workbook", hint=hint)
        texts.append(text)
        if doubt is not None:
            doubts[position] = doubt
    while texts and not texts[-1] and len(texts) - 1 not in doubts:
        texts.pop()  # formatted, and empty
    return Record(row, None, texts, doubts)


def _unescaped(text: str) -> str:
    """Undo how control characters are written: a line break of old systems as _x000D_."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _shown(cell: Any) -> tuple[str, Refusal | None]:  # noqa: ANN401 - same
    """Return a cell that holds no text as text, and what to say where its author sees something else."""
    value, shown = cell.value, cell.number_format
    if cell.data_type == "e":
        return str(value), Refusal(f"the cell shows the error {value}", hint="correct its formula")
    if isinstance(value, bool):
        return str(value).upper(), Refusal("the cell holds a truth value, not text", hint=_AS_TEXT)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time) or not isinstance(value, int | float):
        return str(value), Refusal("the cell holds a date or a time, not text", hint=_AS_TEXT)
    text = format(value, f".{EXACT_DIGITS}g") if isinstance(value, float) else str(value)
    if "e" in text or (isinstance(value, int) and len(text.strip("-0")) > EXACT_DIGITS):
        return text, Refusal(f"the cell holds a number of more than {EXACT_DIGITS} digits", hint=_AS_TEXT)
    if shown in _PLAIN or (shown in _WHOLE and text.lstrip("-").isdecimal()):
        return text, None
    return text, Refusal(f"the cell holds the number {text}, and shows it by the format {shown}", hint=_AS_TEXT)


def _said(wrong: BaseException) -> str:
    return str(wrong).partition("\n")[0][:200] or type(wrong).__name__
