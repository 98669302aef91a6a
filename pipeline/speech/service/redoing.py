"""A take that the quality gate has found bad is made once more, within a count and within what money is left."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Run, Verdict, asked_sound
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, Budget
from pipeline.speech.models import Take
from pipeline.speech.rules import REDO_PRIORITY, Asked, Sound, TakeKind, redone
from pipeline.speech.service.asking import WantedTake, want
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.freshness import first_asked
from pipeline.speech.service.verdicts import Sequel
from pipeline.voices import service as voices
from pipeline.voices.models import Voice


def redo(session: Session, take: Take) -> Sequel:
    """Ask for one more take of a sound, for every line that a bad one speaks, and tell what came of it.

    A retake, and what was approved or locked, is left to people. The new take is held and paid for like any other.
    """
    if take.kind is not TakeKind.LINE:
        return Sequel.OFF
    fresh = first_asked(session, take)
    if take.alternative_of is not None and fresh is None and not take.is_redo:
        return Sequel.PERSON
    # Whoever writes a history takes the account's lock first.
    session.get_one(Account, take.account_id, with_for_update=True)
    run = session.get_one(Run, take.run_id, populate_existing=True)
    sound = take.alternative_of or take.fingerprint
    allowed = [redone(sound, run.id, number) for number in range(1, (run.retakes or 0) + 1)]
    tried = _made(session, take.account_id, allowed)
    hindrance = _hindrance(session, run, take, left=len(allowed) - tried)
    if hindrance is not None:
        return hindrance
    tries = allowed[:tried]
    lines = _spoken_by(take.account_id, sound, tries) if fresh is None else _asking_for(fresh, tries)
    if not intake.add_take(session, lines, allowed[tried]):
        return Sequel.UNWANTED
    _ask(session, run, take, sound, allowed[tried], Asked.QUALITY if fresh is None else Asked.FRESH)
    return Sequel.ASKED


def _hindrance(session: Session, run: Run, take: Take, *, left: int) -> Sequel | None:
    """Return what keeps a run from making one more take, where anything does; `left` is how many it may make."""
    if not run.retakes:
        return Sequel.OFF
    if intake.is_stopped(session, run.id):
        return Sequel.RUN_OVER
    if voices.refusal(session, session.get_one(Voice, take.voice_id)) is not None:
        return Sequel.CONSENT
    if not left:
        return Sequel.TRIED
    return None if _has_room(session, run, take) else Sequel.BUDGET


def _made(session: Session, account_id: str, fingerprints: Sequence[str]) -> int:
    found = select(Take.id).where(Take.account_id == account_id, Take.fingerprint.in_(fingerprints))
    return len(session.scalars(found).all())


def _has_room(session: Session, run: Run, take: Take) -> bool:
    """Tell whether every cap has room for one more take beside all that the run has yet to do.

    What a plan has promised is never given up for a retake.
    """
    budget = session.get_one(Budget, run.id, populate_existing=True)
    used = budget.spent + budget.overrun + budget.held
    needed = max(run.estimate + run.retaken + take.estimate - used, take.estimate)
    owners = (ledger.provider_owner(take.provider), run.account_id, run.production_id, run.id)
    return not any(room.missing(needed) for room in ledger.rooms(session, owners))


def _spoken_by(account_id: str, sound: str, tries: Sequence[str]) -> ColumnElement[bool]:
    """Say which lines a sound speaks whose takes nobody has approved or locked."""
    approved = exists().where(*_CHOSEN, LineTake.verdict == Verdict.APPROVED)
    may = _may_have(account_id, sound)
    return may & Line.fingerprint.in_([sound, *tries]) & ~approved.correlate(Line)


def _asking_for(fresh: Take, tries: Sequence[str]) -> ColumnElement[bool]:
    """Say which lines a fresh take was asked for, of which nobody has decided anything since."""
    sound = fresh.alternative_of or fresh.fingerprint
    asked = exists().where(*_OF_LINE, LineTake.fingerprint == fresh.fingerprint)
    approved = (LineTake.verdict == Verdict.APPROVED) & (LineTake.decided_at >= fresh.created_at)
    chosen = (LineTake.chosen_at > fresh.created_at) & LineTake.fingerprint.not_in(tries)
    decided = exists().where(*_CHOSEN, approved | chosen)
    return _may_have(fresh.account_id, sound) & asked.correlate(Line) & ~decided.correlate(Line)


_OF_LINE = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)
_CHOSEN = (*_OF_LINE, LineTake.fingerprint == Line.fingerprint)


def _may_have(account_id: str, sound: str) -> ColumnElement[bool]:
    """Say which lines of an account ask for a sound and are not locked."""
    mine = Line.production_id.in_(select(Production.id).where(Production.account_id == account_id))
    return mine & (asked_sound() == sound) & Line.locked_at.is_(None) & (Line.position > OFF_SHEET)


def _ask(session: Session, run: Run, take: Take, sound: str, fingerprint: str, reason: Asked) -> None:
    voice = session.get_one(Voice, take.voice_id)
    again = WantedTake(
        sound=Sound(take.provider, take.model, voice.key, take.text, take.format, take.delivery),
        voice=voice,
        reason=str(reason),
        estimate=take.estimate,
        language=take.language,
        production_name=take.production_name,
        priority=REDO_PRIORITY,
        fingerprint=fingerprint,
        alternative_of=sound,
    )
    want(session, run, [again])
    session.execute(update(Run).where(Run.id == run.id).values(retaken=Run.retaken + take.estimate))
    dispatch(session, take.provider)
