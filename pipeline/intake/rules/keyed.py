"""Sheets without rows and columns: each line is a mapping, and its keys are the columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.intake.rules import values
from pipeline.intake.rules.problems import Refusal, listed, shorten
from pipeline.intake.rules.sheets import BrokenRecord, Record

NESTED_PARTS = 1_000
"""Of one value that is a list or a mapping: an alias may make a short file stand for millions of them."""


def record_of(titles: Sequence[str], given: Mapping[str, Any], row: int, line: int | None) -> Record | BrokenRecord:
    """Return a mapping as a row under these titles. What is nested is kept as JSON, and is no text."""
    doubts = {
        position: Refusal(f"there is {_kind(given[title])} where a text is expected", hint="put the text in quotes")
        for position, title in enumerate(titles)
        if isinstance(given.get(title), list | dict)
    }
    if large := next((titles[n] for n in doubts if not _is_small(given[titles[n]])), None):
        return BrokenRecord(row, line, f"the value of {shorten(large)} has more than {NESTED_PARTS} parts", "")
    return Record(row, line, [_cell(given.get(title)) for title in titles], doubts)


def plain_keys(keys: Iterable[str]) -> None:
    """Raise `Refusal` where a key cannot be a column's title."""
    if strange := [shorten(key) for key in keys if not values.is_plain(key)]:
        raise Refusal(f"a key holds characters that cannot be shown: {listed(strange)}", hint="rename it")


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "a mapping"


def _is_small(value: Any) -> bool:  # noqa: ANN401 - whatever the file holds
    waiting, seen = [value], 0
    while waiting and seen <= NESTED_PARTS:
        part = waiting.pop()
        seen += 1
        waiting.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
    return seen <= NESTED_PARTS
