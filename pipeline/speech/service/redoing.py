"""A take that the quality gate has found bad is made once more, within a count and within what money is left."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Run, Verdict, asked_sound
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, Budget
from pipeline.speech.models import Take
from pipeline.speech.rules import REDO_PRIORITY, Sound, TakeKind, redone
from pipeline.speech.service.asking import WantedTake, want
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.verdicts import Sequel
from pipeline.voices import service as voices
from pipeline.voices.models import Voice

REASON = "quality"
"""Why a run asks for such a take."""


def redo(session: Session, take: Take) -> Sequel:
    """Ask for one more take of a sound, for every line that a bad one speaks, and tell what came of it.

    What a person has asked for, approved or locked is left to people. The new take is held and paid for like any other.
    """
    if take.kind is not TakeKind.LINE or (take.alternative_of is not None and not take.is_redo):
        return Sequel.OFF
    # Whoever writes a history takes the account's lock first.
    session.get_one(Account, take.account_id, with_for_update=True)
    run = session.get_one(Run, take.run_id, populate_existing=True)
    sound = take.alternative_of or take.fingerprint
    allowed = [redone(sound, run.id, number) for number in range(1, (run.retakes or 0) + 1)]
    tried = _made(session, take.account_id, allowed)
    hindrance = _hindrance(session, run, take, left=len(allowed) - tried)
    if hindrance is not None:
        return hindrance
    if not intake.add_take(session, _spoken_by(take.account_id, sound, allowed[:tried]), allowed[tried]):
        return Sequel.UNWANTED
    _ask(session, run, take, sound, allowed[tried])
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
    mine = Line.production_id.in_(select(Production.id).where(Production.account_id == account_id))
    chosen = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)
    approved = exists().where(*chosen, LineTake.fingerprint == Line.fingerprint, LineTake.verdict == Verdict.APPROVED)
    free = Line.locked_at.is_(None) & (Line.position > OFF_SHEET) & ~approved.correlate(Line)
    return mine & Line.fingerprint.in_([sound, *tries]) & (asked_sound() == sound) & free


def _ask(session: Session, run: Run, take: Take, sound: str, fingerprint: str) -> None:
    voice = session.get_one(Voice, take.voice_id)
    again = WantedTake(
        sound=Sound(take.provider, take.model, voice.key, take.text, take.format, take.delivery),
        voice=voice,
        reason=REASON,
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
