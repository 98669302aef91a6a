"""YAML as a sheet: a list of mappings, whose keys are the columns."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from pipeline.intake.rules.decoding import decode_strict
from pipeline.intake.rules.keyed import plain_keys, record_of
from pipeline.intake.rules.problems import Refusal, shorten
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet, Wanted
from pipeline.intake.rules.yaml_tree import Document, Repeated

YAML_BYTES = 2_000_000
"""Some 10,000 lines. The parser reads 300 kB a second and holds the whole file."""
_HINT = "write a list of mappings: - {id: intro_010, character: MARA, text: ...}"


def read_yaml(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a list of mappings; what is written stays text, so that 010 is no 10 and 2026-01-31 no date."""
    document = Document(_text(file, wanted.encoding))
    if not document.tree:
        return Sheet(None, iter(()), "utf-8")
    if not isinstance(document.tree, list):
        raise Refusal("the file holds no list", hint=_HINT)
    items = [item for item in document.tree if isinstance(item, dict)]
    titles = list(dict.fromkeys(key for item in items for key in item))
    plain_keys(titles)
    header = Record(1, document.line((0,)), titles)
    return Sheet(header, _records(document, titles), "utf-8", Places("item", "key"))


def _text(file: BinaryIO, declared: str | None) -> str:
    size = file.seek(0, io.SEEK_END)
    if size > YAML_BYTES:
        hint = "split it, or write JSON Lines (.jsonl) or CSV, which are read line by line"
        raise Refusal(f"the file has {size} bytes", allowed=f"at most {YAML_BYTES} bytes of YAML", hint=hint)
    file.seek(0)
    if declared is None:
        return decode_strict(file.read())
    try:
        return file.read().decode(declared)
    except UnicodeError as wrong:
        raise Refusal(f"the file is not {declared}", hint="save it as UTF-8") from wrong


def _records(document: Document, titles: Sequence[str]) -> Iterator[Record | BrokenRecord]:
    repeated: dict[object, Repeated] = {}
    for found in document.repeated:
        repeated.setdefault(found.path[0], found)
    for number, item in enumerate(document.tree):
        yield _record(titles, item, number + 1, document.line((number,)), repeated.get(number))


def _record(
    titles: Sequence[str],
    item: Any,  # noqa: ANN401 - whatever the file holds
    row: int,
    line: int,
    twice: Repeated | None,
) -> Record | BrokenRecord:
    if twice is not None:
        where = f"in line {twice.first_line} and again in line {twice.line}"
        message = f"the key {shorten(str(twice.path[-1]))} is there twice: {where}"
        return BrokenRecord(row, line, message, "delete or rename one of them")
    if not isinstance(item, Mapping):
        return BrokenRecord(row, line, "the item is no mapping", _HINT)
    return record_of(titles, item, row, line)
