"""Yarn Spinner string tables: a CSV of lines by id, with the tags of each in a second one."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.intake.rules.columns import LANGUAGE, find_columns
from pipeline.intake.rules.csv_sheet import open_csv
from pipeline.intake.rules.languages import Languages
from pipeline.intake.rules.problems import Refusal, listed
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet, Wanted

ID_PREFIX = "line:"
"""Every id of Yarn Spinner begins so. It is no part of the file's name: engines look a line's recording up without
it, and putting it back in front gives the id again."""
SPEAKER, TAGS = "character", "metadata"
"""What the columns are called that the table itself does not have."""
LOCK = "lock"
"""The column that changes with the text of the source; each translation repeats that of the text it is of."""
LONGEST_PREFIX = 250
"""Characters within which a text says who speaks it; no name is longer."""

_TAG_COLUMNS = ("metadata", "tags")
_SPEAKER_TAG = re.compile(r"(?:^|\s)#?speaker:(\S+)")
_OUTDATED = re.compile(r"^(?:[^:]{0,250}:)?\W*NEEDS UPDATE\b|NEEDS UPDATE\W*$")
_PLACEHOLDER = re.compile(r"(?<!\\)\{[^{}]*\}|(?<!\\)\[(?:select|plural|ordinal)\b[^\]]*\]")
_MARKUP = re.compile(r"""(?<!\\)\[(?:/|/?[A-Za-z_]\w*(?:=[^\]\s]+)?(?:\s+\w+=(?:"[^"]*"|[^\]\s]+))*\s*/?)\]""")
"""`[wave]`, `[/wave]`, `[/]`, `[pause=500/]`, `[a b="c"]`: how a text is shown."""
_PREFIX = re.compile(r"\s*((?:[^:\\\s]|\\.|\s(?!\s*:))+?)\s*:\s+(?=\S)")
_ESCAPED = re.compile(r"\\(.)")
_ID_HINT = "Yarn Spinner writes it so; a table with other ids is a CSV sheet: leave format: yarn out"
_SPEAKERS = "a column for the character, a tag #speaker:NAME, or NAME: in front of the text"


def read_yarn(file: BinaryIO, wanted: Wanted) -> Sheet:
    """Open a string table; the tags of its lines come from its metadata file, where there is one."""
    table = open_csv(file, wanted)
    if table.header is None:
        return table
    tags = _tags(wanted)
    columns, _ = find_columns(table.header.cells, wanted.columns, languages=wanted.languages)
    added = [] if "character" in columns.known else [SPEAKER]
    if tags and TAGS not in columns.titles:
        added.append(TAGS)
    header = Record(table.header.row, table.header.line, [*columns.titles, *added])
    notes: list[str] = []
    reader = _Rows(
        columns.known,
        len(columns.titles),
        added,
        tags,
        skips_outdated=wanted.skips_outdated,
        skips_placeholders=wanted.skips_placeholders,
        languages=wanted.languages,
    )
    places = YarnPlaces(own=len(columns.titles))
    records = reader.read(table.records, notes)
    lock = next((title for title in columns.titles if title.casefold() == LOCK), "")
    return Sheet(header, records, table.encoding, places, notes, has_cues=True, lock=lock)


@dataclass(frozen=True, slots=True)
class YarnPlaces(Places):
    """Places of a table; what was taken from the text or a tag is said to be so."""

    own: int = 0

    def cell(self, row: int, position: int, title: str) -> str:
        """Name a cell, or where the speaker was looked for."""
        return self.titled(row, title if position < self.own else "text (its speaker)")


@dataclass(frozen=True, slots=True)
class _Rows:
    known: Mapping[str, int]
    width: int
    added: Sequence[str]
    tags: Mapping[str, str]
    skips_outdated: bool
    skips_placeholders: bool
    languages: Languages

    def read(self, records: Iterator[Record | BrokenRecord], notes: list[str]) -> Iterator[Record | BrokenRecord]:
        skipped: dict[str, list[str]] = {}
        marked = 0
        for record in records:
            if isinstance(record, BrokenRecord) or not any(map(str.strip, record.cells)):
                yield record
                continue
            text = self._cell(record, "text")
            if why := self._skipped(text):
                skipped.setdefault(why, []).append(f"{self._cell(record, 'id')} in row {record.row}")
            else:
                marked += bool(_MARKUP.search(text))
                yield self._line(record)
        notes.extend(f"skipped as {why}: {listed(lines)}" for why, lines in skipped.items())
        if marked:
            notes.append(f"the markup in {marked} texts is not spoken and was taken out")

    def _skipped(self, text: str) -> str:
        """Return why a line is left out, or nothing."""
        if self.skips_outdated and _OUTDATED.search(text):
            return "NEEDS UPDATE"
        return "holding a placeholder" if self.skips_placeholders and _PLACEHOLDER.search(text) else ""

    def _is_translation(self, record: Record) -> bool:
        """Tell whether who speaks may stand with the line in the source language alone."""
        with contextlib.suppress(Refusal):  # said where the row is read
            return self.languages.meant(self._cell(record, LANGUAGE)) != self.languages.source
        return True

    def _cell(self, record: Record, role: str) -> str:
        position = self.known.get(role)
        return record.cells[position] if position is not None and position < len(record.cells) else ""

    def _line(self, record: Record) -> Record:
        cells = [*record.cells, *[""] * (self.width - len(record.cells))]
        doubts: dict[int, Refusal] = {}
        whole, text = self._cell(record, "id").strip(), self._cell(record, "text")
        tags = self.tags.get(whole, "")
        if "id" in self.known:
            cells[self.known["id"]] = whole.removeprefix(ID_PREFIX)
            if whole and not whole.startswith(ID_PREFIX):
                cells[self.known["id"]] = whole
                message = f"the id does not begin with {ID_PREFIX}"
                doubts[self.known["id"]] = Refusal(message, allowed=f"{ID_PREFIX}0a1b2c", hint=_ID_HINT)
        speaker, spoken = _speaker(self._cell(record, "character").strip(), tags, text)
        if "text" in self.known:
            cells[self.known["text"]] = _without_markup(spoken)
            if _OUTDATED.search(text):
                doubts[self.known["text"]] = _needs_update()
            elif found := _PLACEHOLDER.search(text):
                doubts[self.known["text"]] = _placeholder(found[0])
        if "character" in self.known:
            cells[self.known["character"]] = speaker
        # A cell beyond the header stays beyond it, so that it is refused as everywhere.
        beyond = cells[self.width :]
        own = [speaker if title == SPEAKER else tags for title in self.added]
        if SPEAKER in self.added and not speaker and not self._is_translation(record):
            doubts[self.width] = Refusal("nobody is named as the speaker", allowed=_SPEAKERS)
        return Record(record.row, record.line, [*cells[: self.width], *own, *beyond], doubts)


def _speaker(column: str, tags: str, text: str) -> tuple[str, str]:
    """Return who speaks and what: the column goes before the tag, and the tag before the text's own beginning."""
    prefix = _PREFIX.match(text[:LONGEST_PREFIX])
    named = _ESCAPED.sub(r"\1", prefix[1]) if prefix else ""
    tag = _SPEAKER_TAG.search(tags)
    speaker = column or (tag[1] if tag else "") or named
    if prefix and _same(speaker, named):
        return column or named, text[prefix.end() :]
    return speaker, text


def _same(one: str, other: str) -> bool:
    return one.replace("_", " ").casefold() == other.replace("_", " ").casefold()


def _needs_update() -> Refusal:
    hint = "bring the text up to date and delete the mark, or leave such lines out: needs_update: skip"
    return Refusal("the text is marked NEEDS UPDATE: it is older than the line it translates", hint=hint)


def _placeholder(found: str) -> Refusal:
    message = f"the text holds {found}, which stands for what only the game knows"
    return Refusal(message, hint="write lines without it, or leave such lines out: placeholders: skip")


def _without_markup(text: str) -> str:
    """Return a text as it is spoken: no attributes, and what was escaped as it is."""
    return re.sub(r"\\([\[\]{}])", r"\1", _MARKUP.sub("", text)) if "[" in text or "\\" in text else text


def _tags(wanted: Wanted) -> dict[str, str]:
    """Return the tags of each line, by its whole id."""
    try:
        file = wanted.companion()
        return {} if file is None else _read_tags(file, wanted)
    except Refusal as wrong:
        message = f"its metadata file: {wrong.message}"
        raise Refusal(message, allowed=wrong.allowed, hint=wrong.hint) from wrong


def _read_tags(file: BinaryIO, wanted: Wanted) -> dict[str, str]:
    with contextlib.closing(file):
        table = open_csv(file, Wanted(wanted.language, wanted.encoding))
        titles = [title.strip().casefold() for title in table.header.cells] if table.header else []
        held = [n for n, title in enumerate(titles) if title in _TAG_COLUMNS]
        if "id" not in titles or not held:
            allowed = "id,file,node,lineNumber,metadata"
            raise Refusal(f"it has the columns {listed(titles) or 'none'}", allowed=allowed)
        return dict(_tagged(table.records, titles.index("id"), held[0]))


def _tagged(records: Iterator[Record | BrokenRecord], key: int, held: int) -> Iterator[tuple[str, str]]:
    for record in records:
        if isinstance(record, BrokenRecord):
            raise Refusal(f"row {record.row} cannot be read: {record.message}", hint=record.hint)
        if len(record.cells) > key:
            # A table without quotation marks gives each tag a cell of its own.
            yield record.cells[key].strip(), " ".join(record.cells[held:]).strip()
