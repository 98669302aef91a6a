"""The window: only about twice as many takes as the provider has slots are ever in the broker."""

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.db import limits
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import IN_WINDOW, OPEN, TakeState

WINDOW_PER_SLOT = 2
"""One take being spoken and one on its way for each slot, so that a free slot never waits for a message."""
HINT_SECONDS = 30
"""A dispatched take that nobody has taken up by then is dispatched again: its message is lost."""


def dispatch(session: Session, provider: str) -> int:
    """Fill the window of a provider with takes that are due, and return how many were sent."""
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
    )
    sending = (
        update(Take)
        .where(Take.id.in_(due.scalar_subquery()), Take.state == TakeState.READY)
        .values(state=TakeState.DISPATCHED, lease_until=now_ms() + HINT_SECONDS * 1000)
        .returning(Take.id)
        .execution_options(synchronize_session=False)
    )
    sent = sorted(session.scalars(sending))
    for take_id in sent:
        emit(session, "take.dispatched", take_id)
    return len(sent)


def stop_run(session: Session, run_id: str) -> None:
    """Block what a stopped run has not begun; what is being spoken is finished."""
    run = session.get_one(Run, run_id)
    unbegun = (TakeState.WAITING, TakeState.READY, TakeState.DISPATCHED)
    blocking = update(Take).where(Take.run_id == run_id, Take.state.in_(unbegun))
    session.execute(blocking.values(state=TakeState.BLOCKED, lease_until=None, error_kind=run.reason, error=None))
    close_runs(session)


def close_runs(session: Session) -> None:
    """End every run of which nothing can move any more; several may try at once, one succeeds."""
    for run in session.scalars(
        select(Run).where(Run.state == RunState.RUNNING, ~_has_take(Take.state.in_(OPEN)))
    ).all():
        intake.close_run(session, run.id, _final_state(session, run))


def _final_state(session: Session, run: Run) -> RunState:
    if run.reason is not None:
        return RunState.STOPPED
    incomplete = session.scalar(select(_has_take(Take.state != TakeState.DONE)).where(Run.id == run.id))
    return RunState.PARTIAL if incomplete else RunState.DONE


def _has_take(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(RunTake.run_id == Run.id, RunTake.take_id == Take.id, which).correlate(Run)
