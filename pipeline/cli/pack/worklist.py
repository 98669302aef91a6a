"""The lines of a pull and what is known of the files on disk. They lie in a temporary file: memory stays flat."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Self

from pipeline.cli.counting import counted
from pipeline.errors import UsageError
from pipeline.intake.rules import Refusal
from pipeline.packs.rules import Layout, PackPlan, collision_key, delivery_class
from pipeline.scratch import Scratch

Json = dict[str, Any]
_MOST_PROBLEMS = 100
_PAGE = 500
_PATH_CHARS, _PART_BYTES = 1_000, 255
"""Longer ones are no file's on any system."""
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, language TEXT NOT NULL, spoken INTEGER NOT NULL, line TEXT NOT NULL,
    file TEXT, entry TEXT, UNIQUE (id, language)
);
CREATE INDEX lines_by_file ON lines (file);
CREATE TABLE names (key TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE known (file TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE columns (name TEXT PRIMARY KEY);
"""


@dataclass(frozen=True)
class Row:
    """A spoken line, the path of its file in the pack, and what is known of the file that was there."""

    number: int
    line: Json
    file: str
    known: Json | None


class Worklist:
    """Holds what one pull works through. For one thread."""

    def __init__(self) -> None:
        self._folder = Scratch()
        self._rows = sqlite3.connect(self._folder.path / "lines.db", isolation_level=None)
        self._rows.executescript(_TABLES)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget everything."""
        self._rows.close()
        self._folder.close()

    def list_lines(self, lines: Iterable[Json], production: str) -> None:
        """Take a production's lines in the order of the sheet."""
        for line in lines:
            kept = {name: value for name, value in line.items() if name not in {"url", "position"}}
            kept["production"] = production
            self._rows.execute(
                # A sheet that is applied meanwhile moves lines from page to page: what was met first counts.
                "INSERT OR IGNORE INTO lines (id, language, spoken, line) VALUES (?, ?, ?, ?)",
                (line["id"], line["language"], bool(line["url"]), json.dumps(kept)),
            )
            for column in line["extras"]:
                self._rows.execute("INSERT OR IGNORE INTO columns (name) VALUES (?)", (column,))

    def name_files(self, plan: PackPlan) -> None:
        """Name the file of each spoken line.

        Raises `UsageError` with every line that cannot have a name, or has a delivery class or a pause there is none
        of, and with both lines of each name that two would have.
        """
        problems: list[Json] = []
        for number, text in self._pages("number, line", "spoken"):
            line = json.loads(text)
            try:
                self._name(number, plan, line)
                if plan.sets_levels:
                    delivery_class(line["extras"], line["direction"])
                plan.tail_seconds(line["extras"])
            except Refusal as wrong:
                problems.append(_problem(line, wrong))
            if len(problems) == _MOST_PROBLEMS:
                break
        if problems:
            raise UsageError(
                f"{counted(len(problems), 'line')} cannot be delivered as {plan.template.text}; nothing was written.",
                hint="Correct the sheet, or choose another --name.",
                problems=problems,
            )

    def _name(self, number: int, plan: PackPlan, line: Json) -> None:
        file = plan.template.path(_values(line, plan), plan.clean)
        taken = self._rows.execute("SELECT number FROM names WHERE key = ?", (collision_key(file),)).fetchone()
        if taken:
            other = self._line(taken[0])
            raise Refusal(
                f"its file {file} would be that of {_place(other)} too",
                hint="names that differ only by case, or by what the engine's names cannot hold, are one",
            )
        self._rows.execute("INSERT INTO names VALUES (?, ?)", (collision_key(file), number))
        self._rows.execute("UPDATE lines SET file = ? WHERE number = ?", (file, number))

    def remember(self, entries: Iterable[Json]) -> None:
        """Take what an earlier pull wrote down of its files."""
        for entry in entries:
            if _is_entry(entry):
                self._rows.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (entry["file"], json.dumps(entry)))

    def spoken(self) -> Iterator[Row]:
        """Yield every spoken line, in the order of the sheet."""
        for number, text, file in self._pages("number, line, file", "spoken"):
            yield Row(number, json.loads(text), file, self._known(file))

    def due(self, line_id: str, language: str) -> Row | None:
        """Return a spoken line that has no entry yet."""
        found = self._rows.execute(
            "SELECT number, line, file FROM lines WHERE id = ? AND language = ? AND spoken AND entry IS NULL",
            (line_id, language),
        ).fetchone()
        return Row(found[0], json.loads(found[1]), found[2], self._known(found[2])) if found else None

    def due_count(self) -> int:
        """Return how many spoken lines have no entry yet."""
        return self._count("spoken AND entry IS NULL")

    def spoken_count(self) -> int:
        """Return how many lines are spoken."""
        return self._count("spoken")

    def enter(self, row: Row, entry: Json) -> None:
        """Write down what a line's file is."""
        self._rows.execute("UPDATE lines SET entry = ? WHERE number = ?", (json.dumps(entry), row.number))

    def entries(self, language: str | None = None) -> Iterator[Json]:
        """Yield an entry a line, in the order of the sheet; of a line without a file, the line as it stands."""
        chosen = ("1",) if language is None else ("entry IS NOT NULL AND language = ?", language)
        for _, text, entry in self._pages("number, line, entry", *chosen):
            yield json.loads(entry) if entry else {**json.loads(text), "file": None}

    def delivered(self) -> Iterator[Json]:
        """Yield the entries of lines that have a file."""
        for _, entry in self._pages("number, entry", "entry IS NOT NULL"):
            yield json.loads(entry)

    def missing(self) -> list[str]:
        """List the lines that are not spoken, by the ids that commands know them by."""
        return [json.loads(line)["key"] for _, line in self._pages("number, line", "NOT spoken")]

    def missing_languages(self, declared: Iterable[str] = ()) -> Json:
        """Return for each language the ids that other languages have spoken and it has not.

        Languages are those there are lines in, and those that are declared.
        """
        languages = sorted({*self.languages(), *declared})
        found = {
            language: [
                name
                for (name,) in self._rows.execute(
                    "SELECT DISTINCT id FROM lines WHERE spoken EXCEPT"
                    " SELECT id FROM lines WHERE spoken AND language = ? ORDER BY id",
                    (language,),
                )
            ]
            for language in languages
        }
        return {language: names for language, names in found.items() if names}

    def left_over(self, lists: Iterable[str]) -> Iterator[tuple[Json, bool]]:
        """Yield what is known of files that no line has now, and whether their line still stands in the sheet."""
        ours = set(lists)
        for (text,) in self._rows.execute(
            "SELECT known.entry FROM known LEFT JOIN lines ON lines.file = known.file AND lines.entry IS NOT NULL"
            " WHERE lines.number IS NULL ORDER BY known.file"
        ):
            entry = json.loads(text)
            if entry["file"] not in ours:
                yield entry, self._is_listed_without_file(entry)

    def languages(self) -> list[str]:
        """List the languages there are lines in."""
        return [name for (name,) in self._rows.execute("SELECT DISTINCT language FROM lines ORDER BY language")]

    def columns(self) -> list[str]:
        """List the sheet's own columns, in the order in which they were met."""
        return [name for (name,) in self._rows.execute("SELECT name FROM columns ORDER BY rowid")]

    def _known(self, file: str) -> Json | None:
        found = self._rows.execute("SELECT entry FROM known WHERE file = ?", (file,)).fetchone()
        return json.loads(found[0]) if found else None

    def _is_listed_without_file(self, entry: Json) -> bool:
        query = "SELECT 1 FROM lines WHERE id = ? AND language = ? AND entry IS NULL"
        return self._rows.execute(query, (entry.get("id"), entry.get("language"))).fetchone() is not None

    def _line(self, number: int) -> Json:
        line: Json = json.loads(self._rows.execute("SELECT line FROM lines WHERE number = ?", (number,)).fetchone()[0])
        return line

    def _count(self, condition: str) -> int:
        query = f"SELECT count(*) FROM lines WHERE {condition}"  # noqa: S608 - our own words
        return int(self._rows.execute(query).fetchone()[0])

    def _pages(self, columns: str, condition: str, *values: str) -> Iterator[tuple[Any, ...]]:
        """Yield rows, number first and in its order, read a page at a time: they may be written to meanwhile."""
        chosen = f"SELECT {columns} FROM lines WHERE {condition}"  # noqa: S608 - our own words
        query, after = f"{chosen} AND number > ? ORDER BY number LIMIT {_PAGE}", 0
        while page := self._rows.execute(query, (*values, after)).fetchall():
            yield from page
            after = page[-1][0]


def _values(line: Json, plan: PackPlan) -> dict[str, str]:
    """Return what a name may be made of; the sheet's columns stand behind our own fields."""
    extension = plan.delivery.coding.value if plan.delivery else PurePosixPath(line["file"]).suffix.removeprefix(".")
    own = {"DialogueName": line["id"], "ContextIndex": "0"} if plan.layout is Layout.UNREAL else {}
    return {
        **own,
        **{name: str(value) for name, value in line["extras"].items()},
        "lang": line["language"],
        "character": line["character"],
        "line_id": line["id"],
        "take": line["take"] or "",
        "production": line["production"],
        "ext": extension,
    }


def _is_entry(entry: Json) -> bool:
    names = isinstance(entry.get("id"), str | None) and isinstance(entry.get("language"), str | None)
    return names and isinstance(entry.get("sha256"), str) and _is_inside(entry.get("file"))


def _is_inside(file: object) -> bool:
    """Tell whether what a manifest calls a file is one of the pack's folder: others may not even be looked at."""
    if not isinstance(file, str) or not file.isprintable():
        return False
    path = PurePosixPath(file)
    fits = len(file) <= _PATH_CHARS and all(len(part.encode()) <= _PART_BYTES for part in path.parts)
    return fits and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _place(line: Json) -> str:
    return f"{line['id']} ({line['character']}, {line['language']})"


def _problem(line: Json, wrong: Refusal) -> Json:
    return {"place": _place(line), "message": wrong.message, "allowed": wrong.allowed, "hint": wrong.hint}
