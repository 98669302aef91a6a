"""Sheets as text: comma, semicolon or tab between cells, in any encoding."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.intake.rules.decoding import encoding_of
from pipeline.intake.rules.problems import Refusal
from pipeline.intake.rules.sheets import BrokenRecord, Record, Sheet, Wanted

EXPORT_MARK = "callsheet_export"
"""A column of this name says that we wrote the sheet, so that `unguard` may take back what `guard` did."""

_DELIMITERS = (",", ";", "\t")
HEAD = 1 << 16
"""Characters by which the delimiter is told."""
LONGEST_ROW = 4 << 20
"""Characters up to a line break: a file without any is never in memory whole."""
_DECLARED_DELIMITER = re.compile(r"sep=(.)\r?\n")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_WORKBOOKS = {b"PK\x03\x04": "an .xlsx or .ods workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)"}


def guard(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: dialogue often begins with a dash.

    The leading apostrophe is OWASP's advice against CSV injection.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """Undo `guard`, exactly."""
    return cell[1:] if _GUARDED.match(cell) else cell


def open_csv(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a text sheet as the project file says; raises `Refusal` where the bytes are no text."""
    return read_csv(file, language=wanted.language, encoding=wanted.encoding)


def read_csv(file: BinaryIO, *, language: str, encoding: str | None) -> Sheet:
    """Open a text sheet; raises `Refusal` where the bytes are no text."""
    head = file.read(max(map(len, _WORKBOOKS)))
    if kind := next((kind for magic, kind in _WORKBOOKS.items() if head.startswith(magic)), None):
        hint = "let its name end in .xlsx, or export the sheet as CSV UTF-8"
        raise Refusal(f"the file is {kind}, not text", hint=hint)
    found = encoding_of(file, language=language, declared=encoding)
    file.seek(0)
    records = _records(io.TextIOWrapper(file, encoding=found, newline=""))
    header = _header(records)
    if header is not None and EXPORT_MARK in header.cells:
        header = Record(header.row, header.line, [unguard(cell) for cell in header.cells])
        return Sheet(header, map(_unguarded, records), found)
    return Sheet(header, records, found)


def _header(records: Iterator[Record | BrokenRecord]) -> Record | None:
    first = next((r for r in records if isinstance(r, BrokenRecord) or any(map(str.strip, r.cells))), None)
    if isinstance(first, BrokenRecord):
        raise Refusal(f"the header in row {first.row} cannot be read: {first.message}", hint=first.hint)
    return first


def _records(file: io.TextIOWrapper) -> Iterator[Record | BrokenRecord]:
    with file:
        head = file.read(HEAD)
        declared = _DECLARED_DELIMITER.match(head)
        start, skipped = (declared.end(), 1) if declared else (0, 0)
        delimiter = _fit(declared[1]) if declared else _delimiter(head)
        # Strict, because the lenient reader drops quotes and lets an unclosed one swallow the rest of the sheet.
        reader = csv.reader(_rows(file, head[start:]), delimiter=delimiter, strict=True)
        for row in itertools.count(1):
            line = reader.line_num + skipped + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                yield _broken(row, line, str(wrong))
            else:
                yield Record(row, line, cells)


def _rows(file: io.TextIOWrapper, head: str) -> Iterator[str]:
    """Yield the rows of a text whose head has been read already."""
    begun = io.StringIO(head + file.readline(LONGEST_ROW), newline="")
    for row in itertools.chain(begun, iter(lambda: file.readline(LONGEST_ROW), "")):
        if len(row) >= LONGEST_ROW:
            raise csv.Error(f"it has more than {LONGEST_ROW} characters; the rows below were not read")
        yield row


def _fit(delimiter: str) -> str:
    if delimiter in '"\r' or delimiter.isalnum():
        message = f"the first row declares {delimiter!r} as the separator, which cannot be one"
        raise Refusal(message, allowed="sep=, or sep=; or another sign", hint="delete the row, or export again")
    return delimiter


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the header into most cells; the comma where none does."""
    head = text.lstrip("\r\n")
    return max(_DELIMITERS, key=lambda delimiter: _header_width(head, delimiter))


def _header_width(text: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
    except csv.Error:
        return 0


def _broken(row: int, line: int, said: str) -> BrokenRecord:
    if "expected after" in said:
        message = "a cell begins with a quotation mark that is closed before the cell ends"
        return BrokenRecord(
            row, line, message, 'write every quotation mark inside a quoted cell twice: """Stop!"" she cried"'
        )
    if "end of data" in said or "field limit" in said:
        message = "a quotation mark is opened here and never closed, so the rows below became part of the cell"
        return BrokenRecord(row, line, message, "close it, or write it twice where it belongs to the text")
    return BrokenRecord(row, line, f"the row cannot be read: {said}", "")


def _unguarded(record: Record | BrokenRecord) -> Record | BrokenRecord:
    if isinstance(record, BrokenRecord):
        return record
    return Record(record.row, record.line, [unguard(cell) for cell in record.cells])
