"""How far a voice is, and who is told of it."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.db.events import emit
from pipeline.db.leases import rowcount
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import GONE, AttemptState, OrphanState, VoiceState


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
    # One that is being made anew has nothing to do with what is heard of the old one.
    flagged = update(Voice).where(Voice.id == voice_id, Voice.state == VoiceState.READY)
    if not rowcount(session, flagged.values(problem=GONE, message=message[:MESSAGE_LIMIT])):
        return
    for held in fees_due(session, voice_id):
        ledger.release(session, held)
    emit(session, "voice.failed", voice_id)


def fees_due(session: Session, voice_id: str) -> Sequence[str]:
    """Return what a voice was made or adopted by: where its fee falls due at its first words, it is held for these."""
    made = select(Attempt.id).where(Attempt.voice_id == voice_id, Attempt.state == AttemptState.SUCCEEDED)
    adopted = select(Orphan.id).where(Orphan.voice_id == voice_id, Orphan.state == OrphanState.ADOPTED)
    return [*session.scalars(made.order_by(Attempt.id)), *session.scalars(adopted.order_by(Orphan.id))]
