"""How lines stand that the production has already: the take that was chosen for each, its verdict, its lock."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, asked_sound, is_rejected
from pipeline.planning.rules import KnownLine, PlannedLine, Reason, WantedLine
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState


class Standing(NamedTuple):
    """A line as it was last applied, and what a person has decided about it since."""

    known: KnownLine
    sound: str
    """The fingerprint that it asked for, whichever take was chosen."""
    is_locked: bool
    is_rejected: bool
    is_on_sheet: bool

    def is_conflict(self, line: WantedLine) -> bool:
        """Tell whether the sheet asks for something else than the lock keeps."""
        return self.is_locked and self.sound != line.fingerprint


def standings(session: Session, production_id: str, line_ids: Sequence[str]) -> dict[str, Standing]:
    """Return how those of the lines stand that the production has, in one statement."""
    of_line = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)
    rejected = exists().where(*of_line, LineTake.fingerprint == Line.fingerprint, is_rejected()).correlate(Line)
    known = (Line.line_id, Line.fingerprint, Line.voice_key, Line.text)
    decided = (asked_sound(), Line.locked_at.is_not(None), rejected, Line.position > OFF_SHEET)
    query = select(*known, *decided).where(Line.production_id == production_id, Line.line_id.in_(line_ids))
    return {row[0]: Standing(KnownLine(*row[1:4]), *row[4:]) for row in session.execute(query).all()}


def with_choices(
    session: Session, production_id: str | None, lines: Sequence[WantedLine], standing: Mapping[str, Standing]
) -> list[WantedLine]:
    """Return the lines with the fingerprints of the takes that were chosen for their sounds, now or at an earlier time.

    A locked line keeps its take whatever the sheet asks for.
    """
    moved = [line for line in lines if _has_moved(line, standing.get(line.line_id))]
    earlier = _earlier_choices(session, production_id, moved) if production_id and moved else {}
    return [_with_choice(line, standing.get(line.line_id), earlier) for line in lines]


def judged(planned: PlannedLine, asked: WantedLine, standing: Standing | None) -> PlannedLine:
    """Return what happens to a line once its lock and the verdict on its take are heeded."""
    if planned.fingerprint != asked.fingerprint:
        planned = planned._replace(sound=asked.fingerprint)
    if standing is None:
        return planned
    if standing.is_conflict(asked):
        kept = planned._replace(reason=Reason.LOCKED_CONFLICT, price=0, shares_with=None)
        return kept._replace(locked_text=standing.known.text, sheet_text=asked.text)
    if standing.is_rejected and planned.fingerprint == standing.known.fingerprint:
        return planned._replace(reason=Reason.RETAKE)
    return planned


def _has_moved(line: WantedLine, standing: Standing | None) -> bool:
    """Tell whether a line asks for another sound than it did, or was not on the sheet."""
    return standing is None or (not standing.is_locked and standing.sound != line.fingerprint)


def _with_choice(line: WantedLine, standing: Standing | None, earlier: Mapping[str, str]) -> WantedLine:
    if standing is not None and (standing.is_locked or standing.sound == line.fingerprint):
        return line._replace(fingerprint=standing.known.fingerprint)
    return line._replace(fingerprint=earlier.get(line.line_id, line.fingerprint))


def _earlier_choices(session: Session, production_id: str, lines: Sequence[WantedLine]) -> dict[str, str]:
    """Return the take that was last chosen for each line when it asked for the sound that it asks for again."""
    sounds = {line.line_id: line.fingerprint for line in lines}
    of_account = (Production.id == LineTake.production_id) & (Production.id == production_id)
    take = (Take.account_id == Production.account_id) & (Take.fingerprint == LineTake.fingerprint)
    query = (
        select(LineTake.line_id, LineTake.fingerprint, func.coalesce(Take.alternative_of, Take.fingerprint))
        .join(Production, of_account)
        .join(Take, take)
        .where(LineTake.line_id.in_(sounds), LineTake.chosen_at.is_not(None), Take.state == TakeState.DONE)
        .order_by(LineTake.chosen_at, LineTake.number)
    )
    return {line_id: chosen for line_id, chosen, sound in session.execute(query) if sounds[line_id] == sound}
