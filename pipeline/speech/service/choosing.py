"""Which take speaks a line: the newest that was asked for and may count, or the one that a person chose."""

from collections.abc import Collection, Sequence

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.errors import Conflict
from pipeline.intake.models import Line, LineTake, Production, Verdict, asked_sound
from pipeline.quality import Outcome
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service.freshness import first_asked
from pipeline.speech.service.judging import enter, find_takes
from pipeline.speech.service.verdicts import worth


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
    """Let alternatives that are spoken now, and heard by nobody first, speak the lines that still ask for their sound.

    One that was asked for earlier than the choice was made, and a line that is locked, change nothing.
    """
    for line, alternative, take in _wanting(session, fingerprints):
        alternative.chosen_at = max(alternative.chosen_at or 0, take.created_at)
        if _is_later(_standing(session, line), (alternative.chosen_at, alternative.number)):
            _point(line, alternative)
        session.flush()


def choose_heard(session: Session, take: Take) -> None:
    """Let an alternative that was heard speak its lines, as `choose_finished`, where it may count.

    One that a person has asked for counts unless it is bad and what the line has is not; one that the quality gate has
    asked for, where it is better than what the line has, and nobody has approved that. A further try of a fresh take
    counts as that one would, but where it follows it: there the better one stays.
    """
    fresh = first_asked(session, take)
    since = (fresh or take).created_at
    for line, alternative, _ in _wanting(session, {take.fingerprint}):
        standing = _standing(session, line)
        now = session.scalar(
            select(Take).where(Take.account_id == take.account_id, Take.fingerprint == line.fingerprint)
        )
        asked_at = max(alternative.chosen_at or 0, since)
        is_free = not take.is_redo or not _is_approved(standing, since)
        is_further_try = take.is_redo and (fresh is None or _is_try_of(session, fresh, now))
        is_wanted = is_free and _may_count(take, now, is_further_try=is_further_try)
        if is_wanted and _is_later(standing, (asked_at, alternative.number)):
            alternative.chosen_at = asked_at
            _point(line, alternative)
        session.flush()


def _wanting(session: Session, fingerprints: Collection[str]) -> Sequence[Row[Line, LineTake, Take]]:
    """Return the lines that are not locked and still ask for the sound of alternatives, with these."""
    if not fingerprints:
        return []
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    made = (Take.account_id == Production.account_id) & (Take.fingerprint == LineTake.fingerprint)
    found = (
        select(Line, LineTake, Take)
        .join(LineTake, of_line)
        .join(Production, Production.id == Line.production_id)
        .join(Take, made)
        .where(LineTake.fingerprint.in_(fingerprints), Line.locked_at.is_(None), asked_sound() == Take.alternative_of)
        .order_by(LineTake.production_id, LineTake.line_id, LineTake.number)
        .with_for_update(of=Line)
    )
    return session.execute(found.execution_options(populate_existing=True)).all()


def _may_count(take: Take, now: Take | None, *, is_further_try: bool) -> bool:
    """Tell whether a take that was heard may follow the one that a line has now."""
    if is_further_try:
        return worth(take) > worth(now)
    return take.outcome is not Outcome.BAD or now is None or now.outcome is Outcome.BAD


def _is_try_of(session: Session, fresh: Take, now: Take | None) -> bool:
    first = first_asked(session, now) if now is not None else None
    return first is not None and first.id == fresh.id


def _is_approved(standing: LineTake | None, since: int) -> bool:
    """Tell whether a person has approved what a line has, after another take was asked for."""
    if standing is None or standing.verdict is not Verdict.APPROVED:
        return False
    return (standing.decided_at or 0) >= since


def _point(line: Line, chosen: LineTake) -> None:
    asked_for = line.sound or line.fingerprint
    line.fingerprint = chosen.fingerprint
    line.sound = None if chosen.fingerprint == asked_for else asked_for


def _standing(session: Session, line: Line) -> LineTake | None:
    """Return the choice that a line has, where anything was said of it."""
    of_line = (LineTake.production_id == line.production_id, LineTake.line_id == line.line_id)
    return session.scalar(select(LineTake).where(*of_line, LineTake.fingerprint == line.fingerprint))


def _is_later(standing: LineTake | None, alternative: tuple[int, int]) -> bool:
    """Tell whether an alternative, as of when and under which number, follows the choice that its line has."""
    choice = (standing.chosen_at or 0, standing.number) if standing else (0, 0)
    return choice < alternative
