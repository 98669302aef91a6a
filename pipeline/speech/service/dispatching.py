"""The window: only about twice as many takes as the provider has slots are ever in the broker."""

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger import provider_account
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import IN_WINDOW, OPEN, TakeKind, TakeState
from pipeline.speech.service.blocking import block
from pipeline.speech.service.handing import hand_over
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind, VoiceState

WINDOW_PER_SLOT = 2
"""One take being spoken and one on its way for each slot, so that a free slot never waits for a message."""


def dispatch(session: Session, provider: str) -> int:
    """Fill the window of a provider with takes that are due, and return how many were sent."""
    if provider_account.is_blocked(session, provider):
        return 0
    taken = select(func.count()).where(Take.provider == provider, Take.state.in_(IN_WINDOW))
    room = WINDOW_PER_SLOT * limits.concurrency(session, provider) - (session.scalar(taken) or 0)
    if room <= 0:
        return 0
    due = (
        select(Take.id)
        .where(Take.provider == provider, Take.state == TakeState.READY, Take.not_before <= now_ms())
        .order_by(Take.priority, Take.id)
        .limit(room)
        .with_for_update(skip_locked=True)
        # As a plain subquery PostgreSQL may run it once a row, and then it locks and sends more than the limit.
        .cte("due")
    )
    sending = (
        update(Take)
        .where(Take.id.in_(select(due.c.id)), Take.state == TakeState.READY)
        .values(state=TakeState.DISPATCHED, lease_until=now_ms() + leases.HINT_SECONDS * 1000)
        .returning(Take.priority, Take.id)
        .execution_options(synchronize_session=False)
    )
    sent = sorted(session.execute(sending).all())
    for _, take_id in sent:
        emit(session, "take.dispatched", take_id)
    return len(sent)


def stop_run(session: Session, run_id: str) -> None:
    """Block what a stopped run has not begun, unless another run wants it; what is being spoken is finished."""
    run = session.get_one(Run, run_id)
    if run.reason is None:
        return
    block(session, Take.run_id == run_id, error_kind=run.reason, error=None)
    hand_over(session, run)
    close_runs(session)


def close_runs(session: Session) -> None:
    """End every run of which nothing can move any more; several may try at once, one succeeds."""
    # What a stopped run has handed over is no longer its own; a run that goes on waits for what others pay as well.
    mine = Run.reason.is_(None) | (Take.run_id == Run.id)
    over = (
        ~_has_take(Take.state.in_(OPEN) & mine),
        ~exists().where(Voice.run_id == Run.id, is_under_way()).correlate(Run),
    )
    for run in session.scalars(select(Run).where(Run.state == RunState.RUNNING, *over)).all():
        if run.reason is not None:
            hand_over(session, run)
        intake.close_run(session, run.id, _final_state(session, run))


def is_under_way() -> ColumnElement[bool]:
    """Say which voices still have a step before them: to be made, or to be heard for the first time."""
    return Voice.state.in_((VoiceState.WANTED, VoiceState.MAKING)) | is_unheard()


def is_unheard() -> ColumnElement[bool]:
    """Say which voices were made and never asked for their first words."""
    asked = exists().where(Take.voice_id == Voice.id, Take.kind == TakeKind.AUDITION).correlate(Voice)
    return (Voice.state == VoiceState.READY) & (Voice.kind != VoiceKind.SYSTEM) & Voice.spoke_at.is_(None) & ~asked


def _final_state(session: Session, run: Run) -> RunState:
    if run.reason is not None:
        return RunState.STOPPED
    incomplete = session.scalar(select(_has_take(Take.state != TakeState.DONE)).where(Run.id == run.id))
    return RunState.PARTIAL if incomplete else RunState.DONE


def _has_take(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(RunTake.run_id == Run.id, RunTake.take_id == Take.id, which).correlate(Run)
