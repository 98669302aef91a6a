"""What a stopped run leaves undone goes to a run that wants it too and goes on, at that run's expense."""

from collections.abc import Sequence
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.errors import Cancelled, RunStopped
from pipeline.intake.models import Run, RunState
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import OPEN, UNBEGUN, TakeState
from pipeline.speech.service.blocking import block
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

Selected = TypeVarTuple("Selected")
BATCH = 1_000
"""Ids a statement: bounded by SQLite's 32,766 variables."""
GOES_ON = (Run.state == RunState.RUNNING, Run.reason.is_(None))


def hand_over(session: Session, stopped: Run) -> None:
    """Give the voices and takes that stand still because a run was stopped to the oldest run that wants them."""
    others = exists().where(Run.account_id == stopped.account_id, *GOES_ON)
    if not session.scalar(select(others)):
        return
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


def require_wanted(session: Session, take: Take) -> None:
    """Let another run that wants it pay for a take whose line was cancelled; raises `Cancelled` where none does.

    What is being spoken when its line is cancelled is finished; only where that fails does it come here.
    """
    asked = session.get(RunTake, (take.run_id, take.id))
    if asked is not None and asked.cancelled_at is None:
        return
    heir = session.scalar(_with_heir(select(func.min(Run.id)).select_from(Take)).where(Take.id == take.id))
    if heir is None:
        raise Cancelled("The line has been cancelled.", hint="callsheet retry --cause cancelled opens it again.")
    take.run_id = heir
    session.flush()


def wanted_takes(run_id: str) -> Select[str]:
    """Select the takes of a run that are not over and that it still wants."""
    mine = (RunTake.run_id == run_id, RunTake.cancelled_at.is_(None))
    return select(Take.id).join(RunTake, RunTake.take_id == Take.id).where(*mine, Take.state.in_(OPEN))


def still_speaking(session: Session, run_id: str) -> int:
    """Count the takes that a run no longer wants and that are being spoken all the same."""
    cancelled = (RunTake.run_id == run_id, RunTake.cancelled_at.is_not(None))
    speaking = select(func.count()).select_from(Take).join(RunTake, RunTake.take_id == Take.id)
    return session.scalar(speaking.where(Take.state == TakeState.SPEAKING, *cancelled)) or 0


def cancel(session: Session, run: Run, takes: Sequence[str]) -> int:
    """Let a run no longer want some of its takes, and return how many are not spoken for it any more.

    Those that another run wants are spoken at its expense; the others are blocked, or finished if they are under way.
    """
    for start in range(0, len(takes), BATCH):
        _cancel(session, run, takes[start : start + BATCH])
    return len(takes)


def _cancel(session: Session, run: Run, takes: Sequence[str]) -> None:
    mine = update(RunTake).where(RunTake.run_id == run.id, RunTake.take_id.in_(takes))
    session.execute(mine.values(cancelled_at=now_ms()))
    heirs = _with_heir(select(Take.id, func.min(Run.id))).where(Take.id.in_(takes), Run.id != run.id)
    inherited = dict(session.execute(heirs.group_by(Take.id)).all())
    for heir in sorted(set(inherited.values())):
        theirs = [take_id for take_id, wanting in inherited.items() if wanting == heir]
        passing = update(Take).where(Take.id.in_(theirs), Take.run_id == run.id, Take.state.in_(UNBEGUN))
        session.execute(passing.values(run_id=heir))
        # What is spoken for another run is nothing this one waits for, or reports.
        session.execute(delete(RunTake).where(RunTake.run_id == run.id, RunTake.take_id.in_(theirs)))
    alone = Take.id.in_([take_id for take_id in takes if take_id not in inherited])
    block(session, alone & (Take.run_id == run.id), error_kind=Cancelled.code, error=None)


def _with_heir(query: Select[*Selected]) -> Select[*Selected]:
    """Join the runs that want a take and go on."""
    wanting = RunTake.cancelled_at.is_(None)
    return query.join(RunTake, RunTake.take_id == Take.id).join(Run, Run.id == RunTake.run_id).where(wanting, *GOES_ON)
