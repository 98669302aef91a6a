"""Texts of lines in other languages: what their rows leave out is taken from the line itself, wherever it was met."""

import marshal
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.intake.rules.first_met import FirstMet
from pipeline.intake.rules.languages import MARK, Languages, language_of, plain_id
from pipeline.intake.rules.long_list import LongList
from pipeline.intake.rules.problems import Problem, Suggestions, listed
from pipeline.intake.rules.project import Line

COMPARED_IDS = 20_000
"""Of more lines no id is suggested: comparing them all would take seconds."""
_SEPARATOR = b"\0"
"""No id holds it."""
_ID_HINT = "a translation has the id of a line in the source language"
_STALE_HINT = "translate the text as it is now and take over its lock, or leave such lines out: needs_update: skip"


class Translation(NamedTuple):
    """A text in another language, as its row gives it, and where that row is found."""

    line: Line
    shown: str
    id_place: str
    text_line: int | None
    lock_column: str
    """Nothing where the sheet has none."""
    lock_place: str
    skips_stale: bool

    @property
    def lock(self) -> str:
        """That of the text which it translates; nothing where it does not say."""
        return self.line.extras.get(self.lock_column, "").strip()


class Translations:
    """What all sheets hold in other languages than the source."""

    def __init__(self) -> None:
        self._waiting: LongList[Translation] = LongList((), _pack, _unpack)
        self._keys = FirstMet()
        self.roles: dict[str, set[str]] = {}
        """The characters that have a text in a language, by language."""

    def add(self, translation: Translation) -> None:
        """Keep a translation until all lines are known."""
        self._waiting.append(translation)

    def note(self, key: str, character: str) -> None:
        """Note that a line is among those to be spoken."""
        self._keys.meet(key.encode())
        self.roles.setdefault(language_of(key, ""), set()).add(character)

    def settle(self, lines: LongList[Line], ids: Container[str], problems: list[Problem], notes: list[str]) -> None:
        """Add what was waiting to the lines; whose line there is not, or is another by now, is a problem.

        `ids` are those that were met: a line that has a problem itself is none for its translations.
        """
        if not self._waiting:
            return
        sources = _Sources(lines)
        stale: dict[str, list[str]] = {}
        for waiting in self._waiting:
            source = sources.find(plain_id(waiting.line.id))
            if source is None:
                if plain_id(waiting.line.id) not in ids:
                    problems.append(_unknown(waiting, sources))
            elif waiting.lock and _differs(waiting, source):
                if waiting.skips_stale:
                    stale.setdefault(waiting.shown, []).append(waiting.line.id)
                else:
                    problems.append(_stale(waiting))
            else:
                line = source.completed(waiting.line)
                lines.append(line)
                self.note(line.id, line.character)
        told = "skipped as stale, because the text they translate has changed"
        notes.extend(f"{shown}: {told}: {listed(keys)}" for shown, keys in stale.items())

    def missing(self, lines: Iterable[Line], languages: Languages) -> Mapping[str, Sequence[str]]:
        """Return for each language the ids of the lines that have no text in it, where there are any."""
        found = {language: self._lacking(lines, language) for language in languages.others}
        return {language: ids for language, ids in found.items() if ids}

    def _lacking(self, lines: Iterable[Line], language: str) -> Sequence[str]:
        ids = (line.id for line in lines if MARK not in line.id)
        lacking = (line_id for line_id in ids if f"{line_id}{MARK}{language}".encode() not in self._keys)
        return LongList(lacking, lambda line_id: (line_id,), str)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a line gives its translations."""

    character: str
    direction: str
    delivery: tuple[float | None, int | None, float | None, str | None]
    extras: Mapping[str, str] = field(default_factory=dict)

    def completed(self, line: Line) -> Line:
        """Return a translation with what its row left out; a column that it fills in otherwise is its own."""
        speed, pitch, volume, emotion = self.delivery
        return line._replace(
            character=line.character or self.character,
            direction=line.direction or self.direction,
            speed=speed if line.speed is None else line.speed,
            pitch=pitch if line.pitch is None else line.pitch,
            volume=volume if line.volume is None else line.volume,
            emotion=emotion if line.emotion is None else line.emotion,
            extras={**self.extras, **{title: cell for title, cell in line.extras.items() if cell}},
        )


class _Sources:
    """The lines in the source language by id, in a tenth of what a dict takes."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._found = FirstMet(lambda text: text.partition(_SEPARATOR)[0])
        for line in lines:
            if MARK not in line.id:
                given = (line.character, line.direction, tuple(line.delivery), dict(line.extras))
                self._found.meet(line.id.encode() + _SEPARATOR + marshal.dumps(given))
        self._suggestions: Suggestions | None = None

    def find(self, line_id: str) -> _Source | None:
        """Return what the line of that id gives."""
        number = self._found.find(line_id.encode())
        if number is None:
            return None
        _, _, given = self._found[number].partition(_SEPARATOR)
        return _Source(*marshal.loads(given))  # noqa: S302 - written above

    def hint(self, line_id: str) -> str:
        """Return the id that was most likely meant, as a question."""
        if self._suggestions is None:
            self._suggestions = Suggestions(list(self._ids()) if len(self._found) <= COMPARED_IDS else [])
        return self._suggestions.hint(line_id)

    def _ids(self) -> Iterator[str]:
        for number in range(len(self._found)):
            yield self._found[number].partition(_SEPARATOR)[0].decode()


def _differs(waiting: Translation, source: _Source) -> bool:
    lock = source.extras.get(waiting.lock_column, "").strip()
    return bool(lock) and lock != waiting.lock


def _unknown(waiting: Translation, sources: _Sources) -> Problem:
    line_id = plain_id(waiting.line.id)
    message = "there is no line of this id in the source language"
    hint = " ".join(filter(None, [sources.hint(line_id), _ID_HINT]))
    return Problem(waiting.shown, waiting.id_place, line_id, message, hint=hint, line=waiting.text_line)


def _stale(waiting: Translation) -> Problem:
    language = language_of(waiting.line.id, "")
    message = f"the text in {language} is stale: the text of {plain_id(waiting.line.id)} has changed since (its lock)"
    return Problem(waiting.shown, waiting.lock_place, waiting.lock, message, hint=_STALE_HINT, line=waiting.text_line)


def _pack(waiting: Translation) -> tuple[object, ...]:
    return (tuple(waiting.line), *waiting[1:])


def _unpack(line: tuple[Any, ...], *others: Any) -> Translation:  # noqa: ANN401 - what `_pack` has made
    return Translation(Line(*line), *others)
