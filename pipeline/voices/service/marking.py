"""How far a voice is, and who is told of it."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.db.events import emit
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import GONE, AttemptState, VoiceState


def mark(session: Session, voice_id: str, state: VoiceState, problem: str, message: str) -> None:
    """Say how far a voice is and what keeps it from being ready."""
    voice = update(Voice).where(Voice.id == voice_id)
    session.execute(voice.values(state=state, problem=problem, message=message[:MESSAGE_LIMIT]))


def fail(session: Session, voice_id: str, problem: str, message: str) -> None:
    """Say why a voice cannot be had; its lines stop."""
    mark(session, voice_id, VoiceState.FAILED, problem, message)
    emit(session, "voice.failed", voice_id)


def lose(session: Session, voice_id: str, message: str) -> None:
    """Flag a voice the provider no longer speaks with; it was paid for, so only a person may have it made again.

    A fee that falls due when a voice first speaks will never fall due for this one: its money is free.
    """
    flagged = update(Voice).where(Voice.id == voice_id)
    session.execute(flagged.values(problem=GONE, message=message[:MESSAGE_LIMIT]))
    made = (Attempt.voice_id == voice_id, Attempt.state == AttemptState.SUCCEEDED)
    for attempt_id in session.scalars(select(Attempt.id).where(*made)).all():
        ledger.release(session, attempt_id)
    emit(session, "voice.failed", voice_id)
