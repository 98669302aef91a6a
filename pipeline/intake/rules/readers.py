"""Which reader opens which kind of sheet."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from pipeline.intake.rules.problems import Refusal, did_you_mean, listed
from pipeline.intake.rules.sheets import SheetReader

_HOME = "pipeline.intake.rules"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of sheet. Its reader is loaded when a sheet needs it: spreadsheet libraries take half a second."""

    module: str
    function: str
    extensions: tuple[str, ...] = ()
    is_text: bool = True
    has_columns: bool = True

    def reader(self) -> SheetReader:
        """Load the reader."""
        found: SheetReader = getattr(import_module(f"{_HOME}.{self.module}"), self.function)
        return found


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv_sheet", "open_csv", (".csv", ".tsv")),
    "xlsx": Format("workbook", "read_workbook", (".xlsx", ".xlsm"), is_text=False),
    "jsonl": Format("json_lines", "read_json_lines", (".jsonl", ".ndjson")),
    "yaml": Format("yaml_sheet", "read_yaml", (".yaml", ".yml")),
    "yarn": Format("yarn", "read_yarn"),
    "fountain": Format("fountain", "read_fountain", (".fountain",), has_columns=False),
    "markdown": Format("markdown", "read_markdown", (".md", ".markdown"), has_columns=False),
    "ssml": Format("ssml", "read_ssml", (".ssml",), has_columns=False),
    "text": Format("markdown", "read_text", (".txt",), has_columns=False),
}
"""Every kind, by what `format` calls it."""

_BY_EXTENSION = {extension: name for name, kind in FORMATS.items() for extension in kind.extensions}


def format_name(text: str) -> str:
    """Accept the name of a format; raises `Refusal`."""
    if text not in FORMATS:
        raise Refusal("this is not a format", allowed=listed(FORMATS), hint=did_you_mean(text, list(FORMATS)))
    return text


def format_of(path: str) -> str:
    """Tell a sheet's format by the end of its name; raises `Refusal` where it has none that can be read."""
    extension = posixpath.splitext(path)[1].lower()
    if extension not in _BY_EXTENSION:
        message = f"sheets of this kind ({extension or 'no extension'}) cannot be read"
        hint = "export the sheet as CSV UTF-8 or .xlsx, or say what it is: {file: ..., format: ...}"
        raise Refusal(message, allowed=listed(_BY_EXTENSION), hint=hint)
    return _BY_EXTENSION[extension]
