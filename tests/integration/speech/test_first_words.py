"""The first words of a voice: they keep it alive, and where a provider charges at first use they are its price."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipeline.ledger.models import Hold, HoldState, Transfer, TransferKind
from pipeline.provider.port import ChargeMoment
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Voice
from tests.support import factories
from tests.support.fakes import CAPABILITIES, PRICES, voice
from tests.support.stage import Stage


@pytest.fixture
def started(stage: Stage) -> str:
    """A run of one line whose voice is paid for when it first speaks; the voice is ready and has said nothing."""
    stage.add_recording()
    stage.provider.abilities = replace(CAPABILITIES, charge_moment=ChargeMoment.FIRST_USE)
    stage.provider.will_make(voice(charged=0))
    with stage.edge.write() as session:
        run = factories.run(session, factories.account(session))
        factories.take(session, run, factories.voice(session, run))
    stage.hand_on()
    stage.hand_on()
    return run.id


def clone(stage: Stage) -> tuple[HoldState, list[int]]:
    """Return how the money of the clone stands, and what was charged for it."""
    with stage.database.read() as session:
        held = session.get_one(Hold, session.scalars(select(Attempt.id)).one())
        charged = session.scalars(select(Transfer.amount).where(Transfer.kind == TransferKind.CLONE))
        return held.state, list(charged)


def test_the_fee_is_held_until_the_first_words_and_charged_with_them(stage: Stage, started: str) -> None:
    assert clone(stage) == (HoldState.OPEN, [])
    stage.settle_down(4)
    assert clone(stage) == (HoldState.SETTLED, [PRICES.clone_micros])
    with stage.database.read() as session:
        assert session.scalars(select(Voice.spoke_at)).one() is not None
        assert {row.run_id for row in session.scalars(select(Transfer))} == {started}


def test_without_that_the_fee_stays_held_for_ever(stage: Stage, started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "pay_first_use", lambda *_: None)
    stage.settle_down(4)
    assert started
    assert clone(stage) == (HoldState.OPEN, [])
