"""Runs that are over: nothing of them can move any more, or a person or the money has stopped them."""

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from pipeline.db.events import emit
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.speech.models import RunTake, Take, is_audition
from pipeline.speech.rules import OPEN, UNHEARD, TakeState
from pipeline.speech.service.blocking import STEP, block
from pipeline.speech.service.handing import hand_over
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind, VoiceState

MISSED = tuple(state for state in TakeState if state.is_final() and state is not TakeState.DONE)


def stop_run(session: Session, run_id: str) -> None:
    """Block what a stopped run has not begun, unless another run wants it; what is being spoken is finished.

    One step of it, where it is much: it asks for the next itself, and none of the rest is sent meanwhile.
    """
    run = session.get_one(Run, run_id)
    if run.reason is None:
        return
    if block(session, Take.run_id == run_id, error_kind=run.reason, error=None, most=STEP) == STEP:
        intake.note_stopping(session, run_id)
        emit(session, "run.voices_stopped", run_id)
        return
    hand_over(session, run)
    close_runs(session)


def close_runs(session: Session) -> None:
    """End every run of which nothing can move any more; several may try at once, one succeeds."""
    making = exists().where(Voice.run_id == Run.id, is_under_way()).correlate(Run)
    # What was spoken for a run that was stopped may be heard after its end; nothing follows from it.
    waits = Run.reason.is_(None) & _pays_for(Take.hearing.in_(UNHEARD))
    still = select(Run).where(Run.state == RunState.RUNNING, ~_pays_for(Take.state.in_(OPEN)), ~making, ~waits)
    for run in session.scalars(still).all():
        if run.reason is None and _waits_for_others(session, run):
            continue
        if run.reason is not None:
            hand_over(session, run)
        intake.close_run(session, run.id, _final_state(session, run))


def is_under_way() -> ColumnElement[bool]:
    """Say which voices still have a step before them: to be made, or to be heard for the first time."""
    return Voice.state.in_((VoiceState.WANTED, VoiceState.MAKING)) | is_unheard()


def is_unheard() -> ColumnElement[bool]:
    """Say which voices were made and never asked for their first words."""
    asked = exists().where(Take.voice_id == Voice.id, is_audition()).correlate(Voice)
    return (Voice.state == VoiceState.READY) & (Voice.kind != VoiceKind.SYSTEM) & Voice.spoke_at.is_(None) & ~asked


def _waits_for_others(session: Session, run: Run) -> bool:
    """Tell whether a run still waits for takes that other runs pay for; what a stopped run handed over is not its own.

    Its own takes, a million perhaps, are not looked at again: only runs that have something open are.
    """
    for unfinished in (Take.state.in_(OPEN), Take.hearing.in_(UNHEARD)):
        others = select(Run.id).where(Run.account_id == run.account_id, Run.id != run.id, _pays_for(unfinished))
        for other in session.scalars(others).all():
            wanted = exists().where(RunTake.run_id == run.id, RunTake.take_id == Take.id).correlate(Take)
            shared = select(Take.id).where(Take.run_id == other, unfinished, wanted).limit(1)
            if session.scalar(shared) is not None:
                return True
    return False


def _final_state(session: Session, run: Run) -> RunState:
    if run.reason is not None:
        return RunState.STOPPED
    return RunState.PARTIAL if _is_incomplete(session, run.id) else RunState.DONE


def _is_incomplete(session: Session, run_id: str) -> bool:
    if session.scalar(select(exists().where(Take.run_id == run_id, Take.state.in_(MISSED)))):
        return True
    asked = session.scalar(select(func.count()).where(RunTake.run_id == run_id))
    made = session.scalar(select(func.count()).where(Take.run_id == run_id, Take.state == TakeState.DONE))
    if asked == made:
        return False
    # Another run pays for some of them.
    missing = exists().where(RunTake.run_id == run_id, RunTake.take_id == Take.id, Take.state != TakeState.DONE)
    return bool(session.scalar(select(missing)))


def _pays_for(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Take.run_id == Run.id, which).correlate(Run)
