"""One dispatched take, and what is to be seen of it."""

from sqlalchemy import select

from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Hold, HoldState, Transfer
from pipeline.speech.models import Take
from tests.support.stage import Stage

TEXT = "Who goes there?"
PRICE = 100 * len(TEXT)


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
