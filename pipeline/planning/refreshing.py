"""Fresh takes: a plan that speaks anew what there is, and goes on where an earlier one of its kind was not finished.

A fresh take is one more take of its line's sound, as a retake is. That it was asked for as one stands with the run that
asked for it (`RunTake.reason`): as long as such a run lacks one, the same plan makes what is lacking and nothing else.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.errors import Cancelled
from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Run, asked_sound
from pipeline.intake.rules import FirstMet
from pipeline.planning.rules import SHA256_BYTES, PlannedLine, Reason, WantedLine
from pipeline.planning.standing import Standing
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import TakeState, freshened

THERE = frozenset((Reason.REUSED, Reason.RETAKE))
"""Reasons of lines that have a take."""


class _Newest(NamedTuple):
    """The last fresh take of a line's sound; `is_of_lacking` says that a run which asked for it lacks others."""

    fingerprint: str
    is_done: bool
    is_open: bool
    is_of_lacking: bool


class Refreshing:
    """Turns lines that would be reused into lines that are made, page by page.

    `selected` is asked about each of them; `unclear` holds the keys of voices that a person has to decide about.
    """

    def __init__(
        self,
        session: Session,
        production: Production | None,
        production_name: str,
        selected: Callable[[WantedLine, Reason], bool],
        unclear: Collection[str],
    ) -> None:
        self._session, self._production, self._name = session, production, production_name
        self._selected, self._unclear = selected, unclear
        self._lacking = frozenset(session.scalars(_lacking(production))) if production else frozenset()
        self._unstarted = frozenset(session.scalars(intake.unstarted()))
        # Thirty-two bytes of the sound, as many of the fresh take, then the id of the line.
        self._sounds = FirstMet(lambda text: text[:SHA256_BYTES])

    def plan(
        self, planned: Sequence[PlannedLine], asked: Sequence[WantedLine], standing: Mapping[str, Standing]
    ) -> Iterator[PlannedLine]:
        """Yield what happens to each line of a page; those that need no fresh take as they are."""
        pairs = list(zip(planned, asked, strict=True))
        meant = {line.line_id: ask.fingerprint for line, ask in pairs if self._is_meant(line, ask, standing)}
        newest = self._newest(meant)
        numbers = speech.last_numbers(self._session, self._production, list(meant)) if self._production else {}
        for line, ask in pairs:
            if line.line_id in meant:
                yield self._planned(line, ask, newest.get(line.line_id), numbers.get(line.line_id, 0) + 1)
            else:
                yield line

    def _planned(self, line: PlannedLine, ask: WantedLine, newest: _Newest | None, number: int) -> PlannedLine:
        """Return what happens to a line whose fresh take would be its take `number`."""
        if newest is None or (newest.is_done and not newest.is_of_lacking):
            return self._made(line, ask, freshened(ask.fingerprint, self._name, line.line_id, number))
        if newest.is_done:
            return line
        if newest.is_open:
            return line._replace(reason=Reason.UNDER_WAY, price=0, fresh=newest.fingerprint)
        return self._made(line, ask, newest.fingerprint)

    def _is_meant(self, line: PlannedLine, ask: WantedLine, standing: Mapping[str, Standing]) -> bool:
        found = standing.get(line.line_id)
        is_locked = found is not None and found.is_locked
        # One that was rejected can be selected as such.
        reason = Reason.RETAKE if line.reason is Reason.RETAKE else Reason.FRESH
        return line.reason in THERE and not is_locked and self._selected(ask, reason)

    def _made(self, line: PlannedLine, ask: WantedLine, fingerprint: str) -> PlannedLine:
        """Return a line with its fresh take, or with that of the first line of the same sound."""
        if ask.voice_key in self._unclear:
            return line._replace(reason=Reason.UNCLEAR)
        told = bytes.fromhex(ask.fingerprint) + bytes.fromhex(fingerprint) + line.line_id.encode()
        first = self._sounds.meet(told)
        if first == len(self._sounds) - 1:
            return line._replace(reason=Reason.FRESH, price=ask.price, fresh=fingerprint)
        twin = self._sounds[first][SHA256_BYTES:]
        fresh, line_id = twin[:SHA256_BYTES].hex(), twin[SHA256_BYTES:].decode()
        return line._replace(reason=Reason.SHARED, price=0, fresh=fresh, shares_with=line_id)

    def _newest(self, sounds: Mapping[str, str]) -> dict[str, _Newest]:
        """Return the last fresh take of each line that has one of the sound it asks for."""
        found: dict[str, _Newest] = {}
        rows = self._session.execute(_fresh_takes(self._production, list(sounds))).all() if self._production else []
        for row in rows:
            if row.alternative_of != sounds[row.line_id]:
                continue
            known = found.get(row.line_id)
            is_of_lacking = row.asked_by in self._lacking
            if known is not None and known.fingerprint == row.fingerprint:
                is_of_lacking |= known.is_of_lacking
            is_open = not row.state.is_final() and row.run_id not in self._unstarted
            found[row.line_id] = _Newest(row.fingerprint, row.state is TakeState.DONE, is_open, is_of_lacking)
        return found


def _fresh_takes(production: Production, line_ids: Sequence[str]) -> Select[str, str, str | None, TakeState, str, str]:
    """Select the fresh takes of lines with each run that asked for them, in the order in which they were asked for."""
    made = (Take.account_id == production.account_id) & (Take.fingerprint == LineTake.fingerprint)
    asked = (RunTake.take_id == Take.id) & (RunTake.reason == str(Reason.FRESH))
    columns = (LineTake.line_id, Take.fingerprint, Take.alternative_of, Take.state, Take.run_id)
    return (
        select(*columns, RunTake.run_id.label("asked_by"))
        .select_from(LineTake)
        .join(Take, made)
        .join(RunTake, asked)
        .where(LineTake.production_id == production.id, LineTake.line_id.in_(line_ids))
        .order_by(LineTake.line_id, LineTake.number)
    )


def _lacking(production: Production) -> Select[str]:
    """Select the runs of a production that lack a fresh take which their lines still ask for, and nobody gave up."""
    of_line = (Line.production_id == LineTake.production_id) & (Line.line_id == LineTake.line_id)
    unmade = (Take.state != TakeState.DONE, func.coalesce(Take.error_kind, "") != Cancelled.code)
    asks = (Line.position > OFF_SHEET, Line.locked_at.is_(None), asked_sound() == Take.alternative_of)
    return (
        select(RunTake.run_id)
        .distinct()
        .join(Run, Run.id == RunTake.run_id)
        .join(Take, Take.id == RunTake.take_id)
        .join(LineTake, (LineTake.fingerprint == Take.fingerprint) & (LineTake.production_id == Run.production_id))
        .join(Line, of_line)
        .where(Run.production_id == production.id, RunTake.reason == str(Reason.FRESH), RunTake.cancelled_at.is_(None))
        .where(*unmade, *asks)
    )
