"""Failures in a row that tell of something that is wrong for every line: they hold the run up, and ask a person.

The provider account's breaker waits for a provider that is away, and goes on by itself. A line fails only once its own
tries are used up; several of them in a row for one cause, and none spoken in between, are what waiting does not mend.
"""

from collections.abc import Collection

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import STREAK_TO_PAUSE
from pipeline.speech.rules import is_systemic

log = structlog.get_logger()

_COUNTED = select(Run.id).where(Run.id.in_(bindparam("runs", expanding=True)), Run.streak > 0)


def note_failure(session: Session, run_id: str, kind: str, message: str) -> None:
    """Count a take that has failed for good, and pause its run where too many in a row had the same cause."""
    if is_systemic(kind) and intake.count_failure(session, run_id, kind, message) >= STREAK_TO_PAUSE:
        intake.pause_run(session, run_id)
        log.error("run_paused", run=run_id, cause=kind)


def note_success(session: Session, run_ids: Collection[str]) -> None:
    """Note that takes of these runs were spoken; nothing is written where none has failed just before."""
    counted = session.connection().scalars(_COUNTED, {"runs": list(run_ids)}).all() if run_ids else ()
    for run_id in counted:
        intake.end_streak(session, run_id)
