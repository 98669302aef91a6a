"""The manifest of a pack: what each file is, from which take, how loud, and what it has cost."""

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from pipeline.audio import TOLERANCE_LU, Delivered, Heard, LevelRule
from pipeline.intake.rules import EXPORT_MARK, guard

Json = dict[str, Any]
MANIFEST, MANIFEST_TABLE = "manifest.json", "manifest.csv"

MEASURED = ("seconds", "sha256", "gain_db", "level_rule")
"""What is remembered of a file beside its levels."""
SIGNED = ("signed", "sidecar_sha256")
"""What is remembered of its signature: whether the manifest is embedded or in a sidecar, and that one's hash."""
LEVELS = ("lufs_before", "lufs_after", "rms_before_dbfs", "rms_after_dbfs", "true_peak_before_dbtp", "true_peak_dbtp")
COLUMNS = (
    *("id", "character", "language", "text", "direction", "file", "seconds", "sha256", "cost_micros", "state", "take"),
    *(
        "delivery_class",
        "target_lufs",
        *LEVELS,
        "gain_db",
        "level_rule",
        "voice",
        "heard",
        "heard_why",
        "verdict",
        "production",
        "source_sha256",
        "settings",
        "signed",
        "suspended_talent",
    ),
)
"""What the table shows of a line, before the sheet's own columns."""


def of_take(heard: Heard | None) -> Json:
    """Return what is remembered of a file that is the take itself; nothing where it could not be measured."""
    if heard is None:
        return dict.fromkeys((*LEVELS, "gain_db", "level_rule"))
    return _levels(heard, heard) | {"gain_db": 0.0, "level_rule": LevelRule.OFF}


def of_file(delivered: Delivered) -> Json:
    """Return what is remembered of a written file."""
    return _levels(delivered.before, delivered.after) | {
        "gain_db": round(delivered.gain_db, 3),
        "level_rule": delivered.rule,
        "seconds": round(delivered.after.seconds, 6),
        "sha256": delivered.sha256,
    }


def is_doubted(entry: Json) -> bool:
    """Tell whether the quality gate has found a take bad, of which nobody has said anything."""
    return entry.get("heard") == "bad" and entry.get("verdict") is None


def is_rejected(entry: Json) -> bool:
    """Tell whether somebody has rejected a take."""
    return entry.get("verdict") == "rejected"


def misses_target(entry: Json) -> bool:
    """Tell whether a file is louder or softer than asked by more than the tolerance."""
    level = entry["rms_after_dbfs"] if entry["lufs_after"] is None else entry["lufs_after"]
    return entry["target_lufs"] is not None and level is not None and abs(level - entry["target_lufs"]) > TOLERANCE_LU


def _levels(before: Heard, after: Heard) -> Json:
    figures = (
        *(before.lufs, after.lufs, before.rms_dbfs, after.rms_dbfs),
        *(before.true_peak_dbtp, after.true_peak_dbtp),
    )
    return {name: figure if figure is None else round(figure, 3) for name, figure in zip(LEVELS, figures, strict=True)}


def as_json(facts: Mapping[str, object], lists: Mapping[str, Iterable[object]]) -> Iterator[str]:
    """Yield the document: facts, then lists with an entry a line of text, so that it is read as it was written."""
    yield "{\n"
    for name, fact in facts.items():
        yield f"{json.dumps(name)}: {_dumped(fact)},\n"
    for number, (name, entries) in enumerate(lists.items()):
        yield f"{json.dumps(name)}: ["
        for at, entry in enumerate(entries):
            yield f"{',' if at else ''}\n{_dumped(entry)}"
        yield f"\n]{',' if number < len(lists) - 1 else ''}\n"
    yield "}\n"


def entries_of(text: Iterable[str]) -> Iterator[Json]:
    """Yield the entries of a manifest, line by line; what is no entry is passed over."""
    for line in text:
        entry = _loaded(line.strip().removesuffix(","))
        if isinstance(entry, dict):
            yield entry


def as_table(entries: Iterable[Json], own: Collection[str]) -> Iterator[str]:
    """Yield the table, `own` being the sheet's columns. No text of it is taken for a formula; figures stay figures."""
    titles = [*COLUMNS, *(_title(column, own) for column in own), EXPORT_MARK]
    # The mark tells our own reader that a leading apostrophe guards a cell against being taken for a formula.
    yield _row(guard(title) for title in titles)
    for entry in entries:
        cells = [entry.get(column) for column in COLUMNS] + [entry["extras"].get(column, "") for column in own]
        yield _row([*map(_cell, cells), ""])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else guard(str(value))


def _title(column: str, own: Collection[str]) -> str:
    """Name a column of the sheet; where ours has its name already, it is the sheet's."""
    taken = {*COLUMNS, EXPORT_MARK}
    if column not in taken:
        return column
    return next(name for n in count(1) if (name := f"sheet_{column}{'' if n == 1 else n}") not in {*taken, *own})


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _loaded(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
