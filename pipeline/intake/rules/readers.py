"""Which reader opens which kind of sheet."""

import posixpath
from collections.abc import Mapping

from pipeline.intake.rules.csv_sheet import read_csv
from pipeline.intake.rules.names import project_path
from pipeline.intake.rules.problems import Refusal, listed
from pipeline.intake.rules.sheets import SheetReader

SHEET_READERS: Mapping[str, SheetReader] = {".csv": read_csv, ".tsv": read_csv}
"""The reader of each kind, by the end of the file's name in lower case."""


def sheet_path(text: str) -> str:
    """Accept the path of a sheet that can be read; raises `Refusal`."""
    path = project_path(text)
    kind = _kind(path)
    if kind not in SHEET_READERS:
        message = f"sheets of this kind ({kind or 'no extension'}) cannot be read"
        raise Refusal(message, allowed=listed(SHEET_READERS), hint="export the sheet as CSV UTF-8")
    return path


def reader_for(path: str) -> SheetReader:
    """Return the reader of a path that `sheet_path` has accepted."""
    return SHEET_READERS[_kind(path)]


def _kind(path: str) -> str:
    return posixpath.splitext(path)[1].lower()
