"""What a stopped run gives up, what has stood still, and what only a person can decide."""

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.intake.models import Run, RunState
from pipeline.references.models import Reference, ReferenceState
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState
from pipeline.voices.service.moving import give_up_reserved, give_up_wanted
from pipeline.voices.service.settling import doubt

HINT_MS = 5_000
"""What has not been taken up for this long is announced again: its message is lost."""


def _stale(since: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return since < now_ms() - HINT_MS


def _is_reservable() -> tuple[ColumnElement[bool], ...]:
    # A voice whose recording is still being prepared waits for it in silence.
    judged = Reference.state.in_((ReferenceState.READY, ReferenceState.REFUSED))
    return Voice.state == VoiceState.WANTED, _stale(Voice.created_at), Reference.id.is_(None) | judged


# Every sweep asks the same: put together once, it costs a third.
# What somebody is settling is no more lapsed, and two sweepers do not wait for each other.
_LAPSED = (
    select(Attempt)
    .where(Attempt.state == AttemptState.SENDING, leases.lapsed(Attempt))
    .order_by(Attempt.id)
    .with_for_update(skip_locked=True)
)
_DOUBTFUL = (Attempt.state == AttemptState.AMBIGUOUS, Attempt.not_before <= now_ms())
_DUE = (Attempt.state == AttemptState.RESERVED, Attempt.not_before <= now_ms(), _stale(Attempt.created_at))
_RESERVABLE = select(Voice.id).outerjoin(Reference).where(*_is_reservable())
# One that is being stopped step by step asks for the next step itself.
_LOST_STOP = Run.stopping_at.is_(None) | (Run.stopping_at < now_ms() - HINT_MS)
_STOPPED = select(Run.id).where(Run.state == RunState.RUNNING, Run.reason.is_not(None), _LOST_STOP)


def stop_run(session: Session, run_id: str) -> None:
    """Give up what a stopped run has not sent: its money is free again, its voices wait for the next run."""
    reason = session.get_one(Run, run_id).reason or "run_stopped"
    # What somebody is at is left to the next sweep: two that stop a run at once would wait for each other.
    give_up_wanted(session, Voice.run_id == run_id, reason, "The run was stopped before it was its turn.")
    # Voices before budgets, as `reserve` takes them.
    give_up_reserved(session, Attempt.run_id == run_id, reason, "The run was stopped before it was sent.")
    emit(session, "run.voices_stopped", run_id)


def is_busy() -> ColumnElement[bool]:
    """Say whether any attempt at a voice is under way, or in doubt."""
    open_states = (AttemptState.RESERVED, AttemptState.SENDING, AttemptState.AMBIGUOUS)
    return exists().where(Attempt.state.in_(open_states))


def sweep(session: Session) -> None:
    """Move on what has stood still: lapsed sends are in doubt, doubts are looked at, lost messages sent again."""
    for attempt in session.scalars(_LAPSED).all():
        ended = leases.was_seen_to_end(session, attempt.holder)
        doubt(session, attempt, "lease_lapsed", "The worker that sent it is gone.", sender_ended=ended)
    for attempt_id in leases.announce(session, Attempt, *_DOUBTFUL):
        emit(session, "attempt.doubted", attempt_id)
    for attempt_id in leases.announce(session, Attempt, *_DUE):
        emit(session, "attempt.reserved", attempt_id)
    for voice_id in session.scalars(_RESERVABLE):
        emit(session, "voice.wanted", voice_id)
    for run_id in session.scalars(_STOPPED):
        emit(session, "run.stopped", run_id)
