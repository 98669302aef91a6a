"""Failures in a row that tell of something that is wrong for every line: they hold the run up, and ask a person.

The provider account's breaker waits for a provider that is away, and goes on by itself. A line fails only once its own
tries are used up; several of them in a row for one cause, and none spoken in between, are what waiting does not mend.
"""

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.speech.models import Take
from pipeline.speech.rules import STREAK_TO_PAUSE, is_systemic

log = structlog.get_logger()


def note_failure(session: Session, run_id: str, kind: str, message: str) -> None:
    """Count a take that has failed for good, and pause its run where too many in a row had the same cause."""
    if is_systemic(kind) and intake.count_failure(session, run_id, kind, message) >= STREAK_TO_PAUSE:
        intake.pause_run(session, run_id)
        log.error("run_paused", run=run_id, cause=kind)


def note_success(session: Session, take_id: str) -> None:
    """Note that a take was spoken; nothing is written where none of its run has failed just before."""
    counted = select(Run.id).join(Take, Take.run_id == Run.id).where(Take.id == take_id, Run.streak > 0)
    run_id = session.scalar(counted)
    if run_id is not None:
        intake.end_streak(session, run_id)
