"""Who works, on which queues, and what waits for a person."""

from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy import func, select

from pipeline.db import leases
from pipeline.settings import Settings
from pipeline.voices.models import Attempt, Orphan
from pipeline.voices.rules import AttemptState, OrphanState
from workers.app import QUEUES
from workers.doctor.finding import CheckFailed, rows, started_anew

ANSWER_SECONDS = 1.0
"""How long workers are given to say which queues they serve."""


def worker(settings: Settings) -> str:
    """Tell how many workers beat."""
    with rows(settings) as session:
        count = leases.alive(session, leases.WORKER)
    if not count:
        fix = started_anew(settings, "worker", "Run `callsheet up`, or `callsheet worker`.")
        raise CheckFailed("no worker is alive", fix)
    return f"{count} alive"


def sweeper(settings: Settings) -> str:
    """Tell how many sweepers beat."""
    with rows(settings) as session:
        count = leases.alive(session, leases.SWEEPER)
    if not count:
        fix = "Run `callsheet up`, or `callsheet sweeper`: lost messages and dead workers are found by nobody else."
        raise CheckFailed("no sweeper is alive", started_anew(settings, "sweeper", fix))
    return f"{count} alive"


def queues(settings: Settings, app: Celery) -> str:
    """Tell whether each queue has a worker."""
    if not settings.broker_url:
        raise CheckFailed("no broker is set", "See the broker above.")
    try:
        answers = app.control.inspect(timeout=ANSWER_SECONDS).active_queues() or {}
    except (OperationalError, OSError) as error:
        raise CheckFailed("the workers cannot be asked", "See the broker above.") from error
    served = {queue["name"] for known in answers.values() for queue in known}
    unserved = [name for name in QUEUES if name not in served]
    if unserved:
        named = ",".join(unserved)
        raise CheckFailed(f"nobody serves {', '.join(unserved)}", f"Run `callsheet worker --queues {named}`.")
    return f"{', '.join(QUEUES)} served by {len(answers)}"


def doubts(settings: Settings) -> str:
    """Tell whether paid calls wait for a person."""
    with rows(settings) as session:
        found = dict(session.execute(select(Attempt.state, func.count()).group_by(Attempt.state)).all())
        orphans = session.scalar(select(func.count()).where(Orphan.state == OrphanState.OPEN)) or 0
    waiting, unclear = found.get(AttemptState.OPERATOR, 0), found.get(AttemptState.AMBIGUOUS, 0)
    if waiting or orphans:
        raise CheckFailed(
            f"{waiting} paid calls and {orphans} late voices wait for a decision", "Run `callsheet reconcile`."
        )
    return f"nothing waits for a decision; evidence is looked for of {unclear} calls"
