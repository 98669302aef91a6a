"""What a stopped run leaves undone goes to a run that wants it too and goes on, at that run's expense."""

from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from pipeline.errors import RunStopped
from pipeline.intake.models import Run, RunState
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

Selected = TypeVarTuple("Selected")
GOES_ON = (Run.state == RunState.RUNNING, Run.reason.is_(None))


def hand_over(session: Session, stopped: Run) -> None:
    """Give the voices and takes that stand still because a run was stopped to the oldest run that wants them."""
    given_up = (Voice.run_id == stopped.id, Voice.state == VoiceState.FAILED, Voice.problem == stopped.reason)
    voice_heirs = _with_heir(select(Voice.id, func.min(Run.id)).join(Take, Take.voice_id == Voice.id))
    for voice_id, heir in session.execute(voice_heirs.where(*given_up).group_by(Voice.id)).all():
        if voices.hand_over(session, voice_id, heir):
            _reopen(session, Take.voice_id == voice_id, stopped)
    _reopen(session, Take.run_id == stopped.id, stopped)


def begin_anew(session: Session, take_id: str, state: TakeState, **change: object) -> None:
    """Open a take that was over, with all its tries before it."""
    anew = {"attempt": 0, "claims": 0, "not_before": 0, "error_kind": None, "error": None}
    session.execute(update(Take).where(Take.id == take_id).values(state=state, **anew, **change))


def _reopen(session: Session, which: ColumnElement[bool], stopped: Run) -> None:
    stands_still = (which, Take.state == TakeState.BLOCKED, Take.error_kind.in_((stopped.reason, RunStopped.code)))
    can_be_had = Voice.problem.is_(None)
    take_heirs = _with_heir(select(Take.id, Voice.state, func.min(Run.id)).join(Voice, Voice.id == Take.voice_id))
    rows = session.execute(take_heirs.where(*stands_still, can_be_had).group_by(Take.id, Voice.state)).all()
    for take_id, voice, heir in rows:
        begin_anew(session, take_id, TakeState.READY if voice is VoiceState.READY else TakeState.WAITING, run_id=heir)


def _with_heir(query: Select[*Selected]) -> Select[*Selected]:
    """Join the runs that want a take and go on."""
    return query.join(RunTake, RunTake.take_id == Take.id).join(Run, Run.id == RunTake.run_id).where(*GOES_ON)
