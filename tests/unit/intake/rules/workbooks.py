"""Workbooks made on the spot: right ones by a library, hostile ones part by part."""

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import openpyxl

from tests.unit.intake.rules.submissions import Submission, cast

HEADER = ("id", "character", "text")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def saved(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def workbook(sheets: Mapping[str, Iterable[Sequence[Any]]], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook with these rows; `change` gets it before it is saved."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    if change is not None:
        change(book)
    return saved(book)


def submitted(data: bytes, entry: str = "book.xlsx") -> Submission:
    """A submission whose only sheet is this workbook."""
    files = cast(f"lines: {entry}")
    files.files["book.xlsx"] = data
    return files


def lines_sheet(*rows: Sequence[Any], change: Callable[[Any], None] | None = None) -> Submission:
    """A submission with a workbook of one sheet, Lines, with the usual header."""
    return submitted(workbook({"Lines": [HEADER, *rows]}, change))


def part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return book.read(name)


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """The same workbook with one part replaced, or added."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in dict.fromkeys([*source.namelist(), name]):
            target.writestr(entry, content if entry == name else source.read(entry))
    return made.getvalue()


def with_shared_texts(*rows: Sequence[str], root: str = "sst") -> Submission:
    """A submission whose workbook keeps its texts in a table of their own, as Excel does."""
    texts = [text for row in (HEADER, *rows) for text in row]
    table = "".join(f"<si>{text if text.startswith('<') else f'<t>{text}</t>'}</si>" for text in texts)
    numbers = iter(range(len(texts)))
    cells = (
        f'<row r="{n}">' + "".join(f'<c t="s"><v>{next(numbers)}</v></c>' for _ in row) + "</row>"
        for n, row in enumerate((HEADER, *rows), 1)
    )
    book = with_rows("".join(cells)).read_bytes("book.xlsx")
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    types = "[Content_Types].xml"
    book = with_part(book, types, part(book, types).replace(b"</Types>", override))
    return submitted(with_part(book, "xl/sharedStrings.xml", f'<{root} xmlns="{_MAIN}">{table}</{root}>'.encode()))


def with_rows(rows: str, head: str = "") -> Submission:
    """A submission whose workbook's only sheet has this XML for its rows."""
    xml = f'{head}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return submitted(with_part(workbook({"Lines": [HEADER]}), "xl/worksheets/sheet1.xml", xml.encode()))


def text_row(number: int | str, *texts: str) -> str:
    cells = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
    return f'<row r="{number}">{cells}</row>'
