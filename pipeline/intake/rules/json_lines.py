"""JSON Lines: each line of the file is an object, and its keys are the columns (jsonlines.org)."""

import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.intake.rules.decoding import encoding_of
from pipeline.intake.rules.keyed import plain_keys, record_of
from pipeline.intake.rules.problems import Refusal, shorten
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet, Wanted

LONGEST_LINE = 4 << 20
"""Characters up to a line break: a file without any is never in memory whole."""
MOST_KEYS = 1_000
"""Kept of those that all lines have together; more than a sheet may have columns."""
_HINT = 'write one object a line: {"id": "intro_010", "character": "MARA", "text": "..."}'


def read_json_lines(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a file of objects; it is read twice, because any line may bring a key of its own."""
    encoding = encoding_of(file, language=wanted.language, declared=wanted.encoding)
    titles: dict[str, None] = {}
    first, refused = 0, ""
    for number, given in _objects(_text(file, encoding)):
        first = first or number
        if isinstance(given, Refusal):
            refused = refused or f"line {number}: {given.message}"
        elif len(titles) < MOST_KEYS:
            titles |= dict.fromkeys(given)
    if not first:
        return Sheet(None, iter(()), encoding)
    if not titles:
        raise Refusal(refused or "no line holds a key", hint=_HINT)
    header = Record(first, first, list(titles))
    return Sheet(header, _records(_text(file, encoding), list(titles)), encoding, Places("line", "key"))


def _text(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield the lines from the beginning. Those of JSON end with a line feed and nothing else."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="\n")
    try:
        while line := text.readline(LONGEST_LINE):
            yield line
    finally:
        text.detach()  # else the file is closed with it, and it is read twice


def _objects(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any] | Refusal]]:
    for number, line in enumerate(lines, 1):
        if len(line) >= LONGEST_LINE:
            yield number, Refusal(f"the line has {LONGEST_LINE} characters or more; those below were not read")
            return
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> dict[str, Any] | Refusal:
    try:
        # Numbers stay as they are written: 007 would be refused, 1.10 is no binary fraction.
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_mapping)
        if isinstance(found, dict):
            plain_keys(found)
    except Refusal as refusal:
        return refusal
    except json.JSONDecodeError as wrong:
        return Refusal(f"not valid JSON: {wrong.msg} at position {wrong.pos + 1}", hint=_HINT)
    except RecursionError:
        return Refusal("nested too deeply", hint=_HINT)
    return found if isinstance(found, dict) else Refusal("the line is no object", hint=_HINT)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Refusal(f"the key {shorten(twice)} is there twice", hint="delete or rename one of them")
    return found


def _records(lines: Iterator[str], titles: list[str]) -> Iterator[Record | BrokenRecord]:
    for number, given in _objects(lines):
        if isinstance(given, Refusal):
            yield BrokenRecord(number, number, given.message, given.hint)
        else:
            yield record_of(titles, given, number, number)
