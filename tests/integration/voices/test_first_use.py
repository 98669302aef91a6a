"""Where a voice is charged when it first speaks: the fee is held until then, booked once, freed when it never is."""

import pytest

from pipeline.errors import BudgetExceeded, UsageError
from pipeline.ledger.models import HoldState
from pipeline.ledger.service import set_cap
from pipeline.provider.errors import Ambiguous, Refused
from pipeline.provider.port import Finding, Truth
from pipeline.voices import service as voices
from pipeline.voices.rules import AttemptState, OrphanState, VoiceState
from pipeline.voices.service import Action
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    attempt,
    attempts,
    budget,
    decide,
    hold,
    orphans,
    paid,
    send,
    settle,
    voice,
    want,
)
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

FEE = ("clone", PRICES.clone_micros)
FREE = answer("stage_free", charged=0)


@pytest.fixture
def mara(stage: Stage, by_chosen_id: None) -> Wanted:  # noqa: ARG001 - how the provider charges
    return want(stage)


def speak_first(stage: Stage, voice_id: str, times: int = 1) -> None:
    """Tell that a voice has spoken."""
    for _ in range(times):
        with stage.edge.write() as session:
            voices.pay_first_use(session, voice_id)


def test_the_fee_is_held_when_the_voice_is_made_and_booked_once_when_it_speaks(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), FREE)
    assert (attempt(stage).state, hold(stage, attempt(stage).id).state) == (AttemptState.SUCCEEDED, HoldState.OPEN)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([], PRICES.clone_micros)
    speak_first(stage, mara.voice_id, times=2)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([FEE], 0)


def test_a_whole_run_pays_the_fee_once(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(FREE)
    stage.settle_down(3)
    assert paid(stage, mara.voice_id) == [FEE]
    assert budget(stage, mara.run_id).held == 0


def test_the_fee_of_a_voice_that_is_lost_before_it_spoke_is_free_again(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), FREE)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "It was deleted.")
    assert hold(stage, attempt(stage).id).state is HoldState.RELEASED
    speak_first(stage, mara.voice_id)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([], 0)
    apply_again(stage, mara)
    stage.provider.will_make(answer("stage_anew", charged=0))
    stage.settle_down(3)
    assert paid(stage, mara.voice_id) == [FEE]
    assert [made.state for made in attempts(stage)] == [AttemptState.SUCCEEDED] * 2


def test_a_fee_that_was_paid_is_not_freed_with_the_voice(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), FREE)
    speak_first(stage, mara.voice_id)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "It was deleted.")
    assert (paid(stage, mara.voice_id), hold(stage, attempt(stage).id).state) == ([FEE], HoldState.SETTLED)


def test_a_voice_found_by_its_id_is_charged_when_it_speaks_too(stage: Stage, mara: Wanted) -> None:
    found = Finding(Truth.MADE, "same_id", "It exists.", FREE)
    stage.provider.will_make(Ambiguous("reset"))
    stage.provider.will_find(found)
    stage.settle_down(3)
    assert (voice(stage).state, paid(stage, mara.voice_id)) == (VoiceState.READY, [FEE])


def refer(stage: Stage) -> str:
    settle(stage, send(stage), Ambiguous("reset"))
    stage.settle_down(2)
    assert attempt(stage).state is AttemptState.OPERATOR
    return attempt(stage).id


def test_an_adopted_voice_is_charged_when_it_speaks_and_not_before(stage: Stage, mara: Wanted) -> None:
    decide(stage, mara, refer(stage), Action.ADOPT, "stage_found")
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([], PRICES.clone_micros)
    speak_first(stage, mara.voice_id)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([FEE], 0)


def test_what_was_never_charged_cannot_be_lost(stage: Stage, mara: Wanted) -> None:
    waiting = refer(stage)
    with pytest.raises(UsageError, match="nothing was charged"):
        decide(stage, mara, waiting, Action.WRITE_OFF)
    decide(stage, mara, waiting, Action.ALLOW)
    assert budget(stage, mara.run_id).held == 0


def late_for_free(stage: Stage) -> str:
    claim = send(stage)
    settle(stage, claim, Refused("no"))
    settle(stage, claim, FREE)
    (kept,) = orphans(stage)
    assert kept.cost == 0
    return kept.id


def test_a_late_voice_that_was_free_is_no_loss_and_its_fee_is_held_once_it_is_adopted(
    stage: Stage, mara: Wanted
) -> None:
    orphan = late_for_free(stage)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([], 0)
    decide(stage, mara, orphan, Action.ADOPT)
    assert (voice(stage).state, budget(stage, mara.run_id).held) == (VoiceState.READY, PRICES.clone_micros)
    speak_first(stage, mara.voice_id, times=2)
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([FEE], 0)


def test_the_fee_of_an_adopted_voice_that_is_lost_is_free_again(stage: Stage, mara: Wanted) -> None:
    decide(stage, mara, late_for_free(stage), Action.ADOPT)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "It was deleted.")
    assert (paid(stage, mara.voice_id), budget(stage, mara.run_id).held) == ([], 0)


def test_a_late_voice_is_not_adopted_where_a_cap_has_no_room_for_its_fee(stage: Stage, mara: Wanted) -> None:
    orphan = late_for_free(stage)
    with stage.edge.write() as session:
        account = mara.account_id
        set_cap(session, account, PRICES.clone_micros - 1, account_id=account, actor="ines", reason="Enough.")
    with pytest.raises(BudgetExceeded):
        decide(stage, mara, orphan, Action.ADOPT)
    assert (orphans(stage)[0].state, voice(stage).state) == (OrphanState.OPEN, VoiceState.FAILED)
    assert budget(stage, mara.run_id).held == 0
