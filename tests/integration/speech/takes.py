"""One dispatched take, and what is to be seen of it."""

from sqlalchemy import select

from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Hold, HoldState, Transfer
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from tests.support.fakes import CAPABILITIES
from tests.support.stage import TIMEOUT_SECONDS, Stage

TEXT = "Who goes there?"
PRICE = 100 * len(TEXT)


def asked(stage: Stage, take_id: str) -> speech.Job:
    """Return what a dispatched take asks for."""
    with stage.database.glance() as connection:
        job = speech.job(connection, take_id, max_chars=CAPABILITIES.max_chars)
    assert job is not None
    return job


def claim(stage: Stage, take_id: str) -> tuple[speech.Job, speech.Claim]:
    """Claim a dispatched take, as a worker does before its call."""
    job = asked(stage, take_id)
    claimed = begin(stage, job)
    assert claimed is not None
    return job, claimed


def begin(stage: Stage, job: speech.Job) -> speech.Claim | None:
    """Try to claim a take."""
    with stage.edge.write() as session:
        return speech.begin(session, [job], stage.edge.holder, TIMEOUT_SECONDS * len(job.parts))[0]


def settle(stage: Stage, job: speech.Job, claimed: speech.Claim, outcome: speech.Stored | speech.Missed) -> None:
    """Record what came of an attempt."""
    with stage.edge.write() as session:
        speech.settle(session, [speech.Ended(job, claimed, outcome)])


def look(stage: Stage, take_id: str) -> Take:
    with stage.database.read() as session:
        return session.get_one(Take, take_id)


def run_of(stage: Stage, take_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, session.get_one(Take, take_id).run_id)


def budget(stage: Stage, take_id: str) -> Budget:
    with stage.database.read() as session:
        return session.get_one(Budget, session.get_one(Take, take_id).run_id)


def transfers(stage: Stage) -> list[Transfer]:
    with stage.database.read() as session:
        return list(session.scalars(select(Transfer).order_by(Transfer.id)))


def holds(stage: Stage) -> list[HoldState]:
    with stage.database.read() as session:
        return list(session.scalars(select(Hold.state).order_by(Hold.attempt)))
