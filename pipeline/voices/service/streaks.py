"""Voices in a row that could not be had for one cause: they hold their run up before the next is paid for.

Lines are spoken meanwhile by the voices that there are, and say nothing of how voices are made: what counts is what
became of the run's own attempts, newest first, since it was last resumed.
"""

import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import STREAK_TO_PAUSE
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import MAX_ATTEMPTS, AttemptState, VoiceState

log = structlog.get_logger()

ENDINGS = (AttemptState.SUCCEEDED, AttemptState.RELEASED, AttemptState.OPERATOR, AttemptState.WRITTEN_OFF)
"""A refusal is about one recording: it neither counts nor ends the count."""


def note_failure(session: Session, run_id: str, problem: str, message: str) -> None:
    """Pause a run where the last voices it has asked for could not be had, too many in a row for this one problem."""
    count = _in_a_row(session, run_id, problem)
    if count >= STREAK_TO_PAUSE and intake.hold_up(session, run_id, count, problem, message[:MESSAGE_LIMIT]):
        log.error("run_paused", run=run_id, cause=problem, voices=count)


def _in_a_row(session: Session, run_id: str, problem: str) -> int:
    failed: set[str] = set()
    for row in session.execute(_last_ended(run_id)):
        if row.ending is AttemptState.SUCCEEDED:
            break
        if row.state in {VoiceState.FAILED, VoiceState.UNCLEAR}:
            if row.problem != problem:
                break
            failed.add(row.voice_id)
    return len(failed)


def _last_ended(run_id: str) -> Select[str, AttemptState, VoiceState, str | None]:
    """Select the last attempts of a run that were sent and came to an end, enough of them for a pause."""
    resumed_at = select(func.coalesce(Run.resumed_at, 0)).where(Run.id == run_id).scalar_subquery()
    return (
        select(Attempt.voice_id, Attempt.state.label("ending"), Voice.state, Voice.problem)
        .join(Voice, Voice.id == Attempt.voice_id)
        .where(Attempt.run_id == run_id, Attempt.state.in_(ENDINGS))
        .where(Attempt.sent_at.is_not(None), Attempt.settled_at > resumed_at)
        .order_by(Attempt.settled_at.desc(), Attempt.id.desc())
        .limit(STREAK_TO_PAUSE * MAX_ATTEMPTS)
    )
