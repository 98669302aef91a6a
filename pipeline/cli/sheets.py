"""Rows as CSV for spreadsheets: text that a spreadsheet would run as a formula is made plain text."""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for the beginning of a formula, or skip on the way to one."""
Columns = Mapping[str, Callable[[Mapping[str, Any]], str | int | None]]
"""Each column's heading, and what a row has in it."""


def write_csv(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to stdout as they come; text is guarded, numbers are left as they are."""
    sys.stdout.writelines(csv_lines(columns, rows))


def csv_lines(columns: Columns, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the rows' lines as they come, the headings first; text is guarded, numbers are left as they are."""
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in chain([columns], ([value(row) for value in columns.values()] for row in rows)):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def plain(value: str | None) -> str:
    """Return text that a spreadsheet shows and never computes: a leading apostrophe tells it so."""
    text = value or ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def text_of(name: str) -> Callable[[Mapping[str, Any]], str]:
    """Take a column's text from the field `name`."""
    return lambda row: plain(row[name])


def number_of(name: str) -> Callable[[Mapping[str, Any]], int | None]:
    """Take a column's number from the field `name`."""
    return lambda row: row[name]


def dollars_of(name: str) -> Callable[[Mapping[str, Any]], str]:
    """Take a column's amount from the field `name`, in dollars with all their places: `-2.100000`."""
    return lambda row: _decimal(row[f"{name}_micros"])


def _decimal(micros: int) -> str:
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{rest:06d}"
