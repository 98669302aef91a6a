"""A pause within a line: spoken apart, joined with that much silence, and charged for the words alone."""

import pytest
from sqlalchemy import select

from pipeline.intake.rules.pauses import Part
from pipeline.ledger.models import Transfer
from pipeline.planning.rules import Reason
from pipeline.speech.models import Take
from pipeline.speech.service import speaking
from tests.integration.planning.plans import apply, plan, reasons
from tests.integration.planning.retakes import shown
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import speech as answer
from tests.support.fakes import tone
from tests.support.stage import Stage

pytestmark = on_sqlite

CAST = Sheet().system("herald")
PAUSED = CAST.says("herald", "Halt! [pause 1.5s] Who goes there?")
PRICE = 100 * len("Halt!" + "Who goes there?")


def made(stage: Stage) -> Take:
    with stage.database.read() as session:
        return session.scalars(select(Take)).one()


def spent(stage: Stage) -> list[int]:
    with stage.database.read() as session:
        return list(session.scalars(select(Transfer.amount)))


def test_a_pause_is_silence_of_its_length_and_no_provider_hears_of_it(stage: Stage, owner: str) -> None:
    drawn = plan(stage, owner, PAUSED.submission())
    stage.provider.will_speak(answer("Halt!", audio=tone(0.5)), answer("Who goes there?", audio=tone(0.5)))
    apply(stage, owner, PAUSED.submission(), agreed=drawn.digest())
    stage.settle_down(3)
    assert list(stage.provider.spoken) == ["Halt!", "Who goes there?"]
    assert made(stage).seconds == pytest.approx(0.5 + 1.5 + 0.5, abs=0.05)
    assert (drawn.price, spent(stage)) == (PRICE, [PRICE])
    assert shown(stage, owner, "line_1").price == PRICE


def test_another_pause_is_another_sound_and_the_plan_says_so(stage: Stage, owner: str) -> None:
    apply(stage, owner, PAUSED.submission())
    stage.settle_down(3)
    assert reasons(plan(stage, owner, PAUSED.submission())) == {"line_1": Reason.REUSED}
    longer = CAST.says("herald", "Halt! [pause 2s] Who goes there?")
    assert reasons(plan(stage, owner, longer.submission())) == {"line_1": Reason.TEXT}


def test_a_take_that_was_not_cut_at_its_pause_would_have_it_spoken(
    stage: Stage, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "parts", lambda text, _limit: [Part(text)])
    apply(stage, owner, PAUSED.submission())
    stage.settle_down(3)
    assert list(stage.provider.spoken) == ["Halt! <#1.5#> Who goes there?"]
