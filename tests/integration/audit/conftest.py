"""A studio that has lived: voices, takes, a loss, a refund, a late answer, decisions, a doubt, a provider's book."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.engine import Database
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Transfer, TransferKind
from pipeline.provider.errors import Ambiguous
from pipeline.speech.service.blocking import note_refund
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState
from tests.support import factories
from tests.support.databases import Maker
from tests.support.fakes import BALANCE, PRICES, PROVIDER
from tests.support.stage import Stage, open_stage


@dataclass(frozen=True)
class Scene:
    """Where it has happened, and to whom."""

    database: Database
    account_id: str
    run_id: str


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One life for all tests of a module: each looks at it inside a transaction that is rolled back."""
    name = {"sqlite": "sqlite_maker", "postgresql": "postgresql_server"}[request.param]
    maker: Maker = request.getfixturevalue(name)
    with maker.fresh() as database, open_stage(database, tmp_path_factory.mktemp("stage")) as stage:
        yield live(stage)


def live(stage: Stage) -> Scene:
    with stage.edge.write() as session:
        provider_account.note_account(session, PROVIDER, BALANCE, None)
        owner = factories.account(session, cap=100_000_000)
        started = factories.run(session, owner)
        for name in ("mara", "bram"):
            spoken_by = factories.voice(session, started, name)
            stage.add_recording(name)
            factories.take(session, started, spoken_by, f"I am {name}.")
        scene = Scene(stage.database, owner.id, started.id)
    stage.settle_down()
    doubt(stage, scene)
    with stage.edge.write() as session:
        decide_and_lose(session, scene)
        spend = ledger.known_spend(session, PROVIDER)
        provider_account.note_account(session, PROVIDER, BALANCE - spend.spent, None)
    return scene


def doubt(stage: Stage, scene: Scene) -> None:
    """Send a voice whose outcome nobody knows."""
    stage.provider.will_make(Ambiguous("the connection was reset"))
    with stage.edge.write() as session:
        again = factories.run(session, factories.account_of(session, scene.account_id), name="second")
        factories.voice(session, again, "ilse")
        stage.add_recording("ilse")
    while stage.messages.waiting:
        task, row_id = stage.messages.waiting.popleft()
        if task != "voices.reconcile":
            stage.run(task, row_id)


def decide_and_lose(session: Session, scene: Scene) -> None:
    paid = session.scalars(select(Transfer).where(Transfer.kind == TransferKind.SPEECH).order_by(Transfer.id)).all()[0]
    back = ledger.refund(session, paid.id, 7, account_id=scene.account_id)
    note_refund(session, back.subject or "", back.amount)
    for number in range(3):
        ledger.decide(
            session,
            account_id=scene.account_id,
            actor="key_1",
            action="refund",
            subject=paid.id,
            reason=f"reason {number}",
        )
    late = session.scalars(select(Attempt).where(Attempt.state == AttemptState.SUCCEEDED).order_by(Attempt.id)).all()[0]
    ledger.lose(
        session,
        account_id=scene.account_id,
        run_id=scene.run_id,
        provider=PROVIDER,
        attempt=late.id,
        amount=PRICES.clone_micros,
        subject=late.voice_id,
    )
    voice = session.get_one(Voice, late.voice_id)
    session.add(
        Orphan(
            id=factories.an_id("orph"),
            account_id=scene.account_id,
            voice_id=voice.id,
            attempt_id=late.id,
            provider=PROVIDER,
            provider_voice_id="stage_late",
            cost=PRICES.clone_micros,
            raw="{}",
        )
    )
    session.flush()
