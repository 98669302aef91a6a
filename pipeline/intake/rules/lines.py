"""Rows to lines: every cell is judged and every problem kept."""

import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.intake.rules import names, values
from pipeline.intake.rules.columns import LANGUAGE, PAUSE_AFTER, Columns, find_columns
from pipeline.intake.rules.csv_sheet import EXPORT_MARK
from pipeline.intake.rules.first_met import FirstMet
from pipeline.intake.rules.languages import MARK, Languages, translation_key
from pipeline.intake.rules.long_list import LongList
from pipeline.intake.rules.pauses import as_seconds, has_pauses, pause_after, require_pauses
from pipeline.intake.rules.problems import Problem, Refusal, Suggestions, listed, shorten
from pipeline.intake.rules.project import Line
from pipeline.intake.rules.sheets import BrokenRecord, Places, Record, Sheet
from pipeline.intake.rules.speech_text import can_be_spoken
from pipeline.intake.rules.translations import Translation, Translations

T = TypeVar("T")

MAX_COLUMNS = 500
MAX_LINES = 2_000_000
"""Of all sheets together."""
MAX_CELLS = 40_000_000
"""Of all sheets together, a short row counted at the header's width: each is kept with its line."""
MAX_PROBLEMS = 10_000
"""Nobody corrects more at once; a million would need gigabytes."""
READ_AS_TEXT = frozenset({"id", "character", "text", "direction"})
"""What has to be as its author sees it; a speed is a number, however a spreadsheet shows it."""


class UsedIds:
    """Line ids as file systems compare them, each with the place where it was met."""

    def __init__(self) -> None:
        self._ids = FirstMet(lambda line_id: names.folded(line_id.decode()))
        self._rows = array("L")
        self._sheets: list[tuple[int, str, Places]] = []
        """From which id on which sheet is read, and how places in it are named."""

    def begin(self, sheet: str, places: Places) -> None:
        """Say which sheet the ids that follow are from."""
        self._sheets.append((len(self._ids), sheet, places))

    def __contains__(self, line_id: object) -> bool:
        """Tell whether an id was met, whatever else was wrong with its row."""
        return isinstance(line_id, str) and line_id.encode() in self._ids

    def use(self, line_id: str, row: int) -> None:
        """Keep an id; raises `Refusal` where one was met that would be the same file."""
        first = self._ids.meet(line_id.encode())
        self._rows.append(row)
        if first == len(self._ids) - 1:
            return
        known, place = self._ids[first].decode(), self._place(first)
        if MARK in line_id:
            again = self._sheets[-1][2].row(row)
            told, _, language = line_id.partition(MARK)
            message = f"{told} has two texts in {language}: first in {place}, again in {again}"
            raise Refusal(message, hint="delete one of them")
        hint = "every line needs an id of its own: it names the line's file"
        if known == line_id:
            again = self._sheets[-1][2].row(row)
            raise Refusal(f"the id is used twice: first in {place}, again in {again}", hint=hint)
        message = f"the id differs only by case from {known} in {place}: on many systems both would be one file"
        raise Refusal(message, hint=hint)

    def _place(self, number: int) -> str:
        sheet, places = next(sheet[1:] for sheet in reversed(self._sheets) if sheet[0] <= number)
        return f"{places.row(self._rows[number])} of {sheet}"


@dataclass
class Collected:
    """What all sheets of a project have given so far; line ids are unique across them."""

    characters: Sequence[str]
    languages: Languages
    problems: list[Problem] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    """The sheets' own columns, in the order in which they were met."""
    cells: int = 0
    """Read so far, of all sheets."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and is no problem."""
    ids: UsedIds = field(default_factory=UsedIds)
    pauses: Mapping[str, float] = field(default_factory=dict)
    """Seconds of silence after the lines of characters that say nothing else."""

    def __post_init__(self) -> None:
        """Prepare what is asked for every row."""
        self.cast = frozenset(self.characters)
        cues = Counter(map(_cue, self.characters))
        self.cues = {cue: name for name in self.characters if cues[cue := _cue(name)] == 1}
        self.suggestions = Suggestions(self.characters)
        self.lines: LongList[Line] = LongList((), tuple, Line)
        self.translations = Translations()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where lines are from: `file` goes into the lines, `shown` into the problems.

    `skips_outdated` leaves translations out that are older than their line, and says so.
    """

    file: str
    shown: str
    columns: Mapping[str, str]
    languages: Languages
    skips_outdated: bool = False


def read_lines(sheet: Sheet, into: Collected, origin: Origin) -> None:
    """Read one sheet to its end. Lines in another language than the source wait for `settle_translations`."""
    shown = origin.shown
    if sheet.header is None:
        hint = "its first row names the columns: id, character, text"
        into.problems.append(Problem(shown, "the file", "", "the sheet is empty", hint=hint))
        return
    header, line = sheet.header.row, sheet.header.line
    if len(sheet.header.cells) > MAX_COLUMNS:
        width = f"the sheet has {len(sheet.header.cells)} columns"
        hint = "delete the columns that no line needs"
        into.problems.append(Problem(shown, sheet.places.row(header), "", width, f"at most {MAX_COLUMNS}", hint, line))
        return
    columns, faults = find_columns(
        sheet.header.cells, origin.columns, ignored=[EXPORT_MARK], languages=origin.languages
    )
    into.problems.extend(
        Problem(shown, sheet.places.titled(header, fault.name), "", fault.message, fault.allowed, fault.hint, line)
        for fault in faults
    )
    into.columns.update(dict.fromkeys(title for _, title in columns.extras))
    into.ids.begin(shown, sheet.places)
    rows = _RowReader(into, columns, sheet, origin)
    if not sum(map(rows.read, rows.bounded(sheet.records))):
        nothing = "the sheet has no lines" if sheet.notes else "the sheet has a header and no lines"
        into.problems.append(Problem(shown, sheet.places.row(header), "", nothing, line=line))
    into.notes.extend(f"{shown}: {note}" for note in sheet.notes)


class _RowReader:
    """Reads the rows of one sheet."""

    def __init__(self, into: Collected, columns: Columns, sheet: Sheet, origin: Origin) -> None:
        self._into = into
        self._columns = columns
        self._places = sheet.places
        self._has_cues = sheet.has_cues
        self._stranger_hint = sheet.stranger_hint
        self._lock = sheet.lock
        self._origin = origin
        self._languages = origin.languages
        self._may_be_translated = not origin.languages.is_one
        self._text = _plain_text if sheet.knows_pauses else _text

    def bounded(self, records: Iterator[Record | BrokenRecord]) -> Iterator[Record | BrokenRecord]:
        """Yield the rows as long as there is room for what they give, and say so where there is none."""
        width = len(self._columns.titles)
        for record in records:
            yield record
            self._into.cells += width
            if full := _full(self._into):
                self._refuse(record, None, "", full)
                return

    def read(self, record: Record | BrokenRecord) -> bool:
        """Keep the line or its problems; False for a blank row, which spreadsheets leave behind."""
        if isinstance(record, BrokenRecord):
            self._refuse(record, None, "", Refusal(record.message, hint=record.hint))
            return True
        if not any(map(str.strip, record.cells)):
            return False
        before = len(self._into.problems)
        self._check_width(record)
        cells = [*record.cells, *[""] * (len(self._columns.titles) - len(record.cells))]
        self._check_characters(record, cells)
        if self._may_be_translated:
            self._read_in_languages(record, cells, before)
            return True
        line = self._line(record, cells)
        if len(self._into.problems) == before:
            self._into.lines.append(line)
        return True

    def _read_in_languages(self, record: Record, cells: Sequence[str], before: int) -> None:
        """Keep the line with what stands beside it in other languages, or a text of another line in its language."""
        language = self._accept(record, cells, LANGUAGE, self._languages.meant) if self._languages.may_vary else None
        if len(self._into.problems) > before:
            return  # of a row in no language known, nothing can be said
        language = language or self._languages.own or self._languages.source
        if language != self._languages.source:
            self._translation(record, cells, language, before)
            return
        line = self._line(record, cells)
        beside = [self._beside(record, cells, line, other) for other in self._columns.texts]
        if len(self._into.problems) == before:
            self._into.lines.append(line)
            for key, text in filter(None, beside):
                self._into.lines.append(line._replace(id=key, text=text))
                self._into.translations.note(key, line.character)

    def _beside(self, record: Record, cells: Sequence[str], line: Line, language: str) -> tuple[str, str] | None:
        """Return the key and the text of a line in another language; None where its cell is empty."""
        position = self._columns.texts[language]
        if not line.id or not cells[position].strip():
            return None
        key = self._accept_at(record, cells, position, lambda _: self._new_key(line.id, language, record))
        text = self._accept_at(record, cells, position, self._text)
        return (key, text) if key and text else None

    def _translation(self, record: Record, cells: Sequence[str], language: str, before: int) -> None:
        """Keep a text for a line that may not have been met yet; one that is still empty is only missing."""
        text = self._columns.known.get("text")
        if text is not None and not cells[text].strip():
            return
        line = self._line(record, cells, language)
        if line.id and len(self._into.problems) == before:
            self._into.translations.add(
                Translation(
                    line,
                    shown=self._origin.shown,
                    id_place=self._places.cell(record.row, self._columns.known["id"], "id"),
                    text_line=record.line,
                    lock_column=self._lock,
                    lock_place=self._places.titled(record.row, self._lock),
                    skips_stale=self._origin.skips_outdated,
                )
            )

    def _line(self, record: Record, cells: Sequence[str], language: str | None = None) -> Line:
        """Return what a row holds; of a translation, named by its language, whatever the row says itself."""
        new = self._new_id if language is None else lambda cell, row: self._new_key(names.line_id(cell), language, row)
        who = self._character if language is None else lambda cell: self._character(cell) if cell.strip() else ""
        line_id = self._accept(record, cells, "id", lambda cell: new(cell, record)) or ""
        character = self._accept(record, cells, "character", who) or ""
        return Line(
            id=line_id,
            character=character,
            text=self._accept(record, cells, "text", self._text) or "",
            direction=self._accept(record, cells, "direction", str.strip) or "",
            speed=self._accept(record, cells, "speed", _speed),
            pitch=self._accept(record, cells, "pitch", _pitch),
            volume=self._accept(record, cells, "volume", _volume),
            emotion=self._accept(record, cells, "emotion", _emotion),
            extras=self._extras(record, cells, character if language is None else ""),
            file=self._origin.file,
            row=record.row,
        )

    def _extras(self, record: Record, cells: Sequence[str], character: str) -> dict[str, str]:
        """Return the sheet's own columns, and the pause after the line: its own, else that of its character."""
        extras = {title: cells[n] for n, title in self._columns.extras}
        own = self._accept(record, cells, PAUSE_AFTER, _pause_after)
        if own is None:
            own = self._into.pauses.get(character)
        if own is not None:
            extras[PAUSE_AFTER] = as_seconds(own)
            self._into.columns.setdefault(PAUSE_AFTER)
        return extras

    def _accept(self, record: Record, cells: Sequence[str], role: str, parse: Callable[[str], T]) -> T | None:
        """Return the parsed cell; None where the column is not there or the cell was refused."""
        position = self._columns.known.get(role)
        if position is None:
            return None
        return self._accept_at(record, cells, position, parse, is_text=role in READ_AS_TEXT)

    def _accept_at(
        self, record: Record, cells: Sequence[str], position: int, parse: Callable[[str], T], *, is_text: bool = True
    ) -> T | None:
        try:
            if record.doubts and is_text and position in record.doubts:
                raise record.doubts[position]
            return parse(cells[position])
        except Refusal as refusal:
            self._refuse(record, position, cells[position], refusal)
            return None

    def _new_id(self, cell: str, record: Record) -> str:
        line_id = names.line_id(cell)
        self._into.ids.use(line_id, record.row)
        return line_id

    def _new_key(self, line_id: str, language: str, record: Record) -> str:
        key = translation_key(line_id, language)
        self._into.ids.use(key, record.row)
        return key

    def _character(self, cell: str) -> str:
        name = cell if cell in self._into.cast else unicodedata.normalize("NFC", cell.strip())
        if name in self._into.cast:
            return name
        if self._has_cues and (meant := self._into.cues.get(_cue(name))):
            return meant
        allowed = listed(self._into.characters)
        if not name:
            raise Refusal("no character is named", allowed=allowed)
        hint = self._into.suggestions.hint(name) or self._stranger_hint
        raise Refusal("this character is not in the project file", allowed=allowed, hint=hint)

    def _check_width(self, record: Record) -> None:
        """A cell without a column is mostly a text with commas that nobody quoted: half of it would go unspoken."""
        width = len(self._columns.titles)
        if beyond := [cell for cell in record.cells[width:] if cell.strip()]:
            message = f"the row has {len(record.cells)} cells and the header {width}"
            hint = "put a text that contains the separator in quotation marks"
            self._refuse(record, None, beyond[0], Refusal(message, hint=hint))
        for position in self._columns.nameless:
            if position < len(record.cells) and record.cells[position].strip():
                refusal = Refusal(f"column {position + 1} has no header", hint="name it in the first row or empty it")
                self._refuse(record, None, record.cells[position], refusal)

    def _check_characters(self, record: Record, cells: Sequence[str]) -> None:
        if values.is_plain("".join(cells)):
            return
        for position, title in enumerate(self._columns.titles):
            if not title or position == self._columns.known.get("id"):
                continue  # refused as a cell without a header, or as an id, with what an id may hold
            try:
                values.plain_text(cells[position])
            except Refusal as refusal:
                self._refuse(record, position, cells[position], refusal)

    def _refuse(self, record: Record | BrokenRecord, position: int | None, value: str, refusal: Refusal) -> None:
        place = self._places.row(record.row)
        if position is not None:
            place = self._places.cell(record.row, position, self._columns.titles[position])
        self._into.problems.append(
            Problem(
                file=self._origin.shown,
                place=place,
                value=shorten(value),
                message=refusal.message,
                allowed=refusal.allowed,
                hint=refusal.hint,
                line=record.line,
            )
        )


def _cue(name: str) -> str:
    """Return how scripts call a character: in capitals, and in tags with "_" for a space."""
    return name.replace("_", " ").casefold()


def _full(into: Collected) -> Refusal | None:
    if len(into.problems) >= MAX_PROBLEMS:
        message = f"the rows below were not read: there are {MAX_PROBLEMS} problems already"
        return Refusal(message, hint="correct what is listed; most of it may have one cause")
    if len(into.lines) > MAX_LINES:
        message = f"the rows below were not read: the sheets have more than {MAX_LINES} lines"
        return Refusal(message, hint="split the production")
    if into.cells > MAX_CELLS:
        message = f"the rows below were not read: the sheets have more than {MAX_CELLS} cells"
        return Refusal(message, hint="delete the columns that no line needs, or split the production")
    return None


def _text(cell: str) -> str:
    if has_pauses(cell):
        require_pauses(cell)
    return _plain_text(cell)


def _plain_text(cell: str) -> str:
    if can_be_spoken(cell):
        return cell
    if cell.strip():
        raise Refusal("there is nothing to speak: no letter and no digit", hint="write the sound, or delete the row")
    raise Refusal("the text is empty", hint="write what is spoken, or delete the row")


def _given(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda cell: parse(cell.strip()) if cell.strip() else None


_speed, _pitch = _given(values.speed), _given(values.pitch)
_volume, _emotion = _given(values.volume), _given(values.emotion)
_pause_after = _given(pause_after)
