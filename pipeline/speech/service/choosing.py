"""Which take speaks a line: the newest that was asked for and is spoken, or the one that a person chose."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.errors import Conflict
from pipeline.intake.models import Line, LineTake, Production, asked_sound
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service.judging import enter, find_takes


def choose(session: Session, production: Production, line_id: str, number: int) -> None:
    """Let a take speak its line from now on, for as long as the sheet asks for the sound it asks for now.

    Raises `NotFound` where there is no such line or take, `Conflict` where the take is not spoken or the line locked.
    """
    enter(session, production)
    chosen = find_takes(session, production, [line_id], number)[0]
    line = session.get_one(Line, (production.id, line_id), with_for_update=True, populate_existing=True)
    if line.locked_at is not None:
        raise Conflict(f"{line_id} is locked.", hint=f"callsheet unlock {production.name} {line_id}")
    spoken = (Take.account_id == production.account_id, Take.fingerprint == chosen.fingerprint)
    state = session.scalar(select(Take.state).where(*spoken))
    if state is not TakeState.DONE:
        raise Conflict(
            f"Take {number} of {line_id} is not spoken ({state or 'missing'}).",
            hint=f"callsheet takes {production.name} {line_id} lists those that are.",
        )
    _point(line, chosen)
    chosen.chosen_at = session.scalar(select(now_ms()))
    session.flush()


def choose_finished(session: Session, fingerprints: Collection[str]) -> None:
    """Let alternatives that are spoken now speak their lines, where these still ask for their sound.

    One that was asked for earlier than the choice was made, and a line that is locked, change nothing.
    """
    if not fingerprints:
        return
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    made = (Take.account_id == Production.account_id) & (Take.fingerprint == LineTake.fingerprint)
    found = (
        select(Line, LineTake, Take.created_at)
        .join(LineTake, of_line)
        .join(Production, Production.id == Line.production_id)
        .join(Take, made)
        .where(LineTake.fingerprint.in_(fingerprints), Line.locked_at.is_(None), asked_sound() == Take.alternative_of)
        .order_by(LineTake.production_id, LineTake.line_id, LineTake.number)
        .with_for_update(of=Line)
    )
    for line, alternative, asked_at in session.execute(found.execution_options(populate_existing=True)).all():
        alternative.chosen_at = max(alternative.chosen_at or 0, asked_at)
        if _is_later(session, line, alternative):
            _point(line, alternative)
        session.flush()


def _point(line: Line, chosen: LineTake) -> None:
    asked_for = line.sound or line.fingerprint
    line.fingerprint = chosen.fingerprint
    line.sound = None if chosen.fingerprint == asked_for else asked_for


def _is_later(session: Session, line: Line, alternative: LineTake) -> bool:
    """Tell whether an alternative was asked for after the choice that the line has was made."""
    of_line = (LineTake.production_id == line.production_id, LineTake.line_id == line.line_id)
    chosen = select(LineTake.chosen_at, LineTake.number).where(*of_line, LineTake.fingerprint == line.fingerprint)
    standing = session.execute(chosen).one_or_none()
    since, number = standing or (None, 0)
    return (since or 0, number) < (alternative.chosen_at or 0, alternative.number)
