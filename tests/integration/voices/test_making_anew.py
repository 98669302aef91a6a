"""A voice that was made and is gone is made once more only because somebody applied a plan that prices it."""

from dataclasses import replace

import pytest

from pipeline.intake import service as intake
from pipeline.provider.errors import Refused, VoiceGone
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.rules import GONE, AttemptState, VoiceState
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    attempts,
    begin,
    job_of,
    line,
    paid,
    send,
    settle,
    voice,
    want,
)
from tests.support import factories
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

CLONE = ("clone", PRICES.clone_micros)


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


@pytest.fixture
def gone(stage: Stage, mara: Wanted) -> Wanted:
    """The voice was made and has spoken; now the provider has it no more."""
    stage.settle_down(3)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "The provider has deleted it.")
    stage.messages.lose_all()
    return mara


def test_a_voice_that_is_gone_is_flagged_and_made_again_by_nobody(stage: Stage, gone: Wanted) -> None:
    stage.run("voices.reserve", gone.voice_id)
    stage.settle_down(3)
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.READY, GONE)
    assert len(stage.provider.voice_calls) == 1


def test_the_next_apply_makes_it_as_the_next_generation_under_another_id(stage: Stage, mara: Wanted) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, client_chosen_id=True)
    stage.settle_down(3)
    with stage.edge.write() as session:
        voices.lose(session, mara.voice_id, "The provider has deleted it.")
    apply_again(stage, mara)
    stage.settle_down(3)
    first, second = attempts(stage)
    assert (first.state, first.generation, first.forced) == (AttemptState.SUCCEEDED, 1, 0)
    assert (second.state, second.generation, second.forced) == (AttemptState.SUCCEEDED, 2, 2)
    assert first.chosen_id != second.chosen_id
    assert (first.chosen_id or "").endswith("-g1")
    assert (second.chosen_id or "").endswith("-g2")
    assert (voice(stage).provider_voice_id, voice(stage).problem) == (second.provider_voice_id, None)
    assert paid(stage, mara.voice_id) == [CLONE, CLONE]


def test_each_loss_may_be_made_good_once_more(stage: Stage, gone: Wanted) -> None:
    for generation in (2, 3):
        apply_again(stage, gone)
        stage.settle_down(3)
        assert attempts(stage)[-1].forced == generation
        with stage.edge.write() as session:
            voices.lose(session, gone.voice_id, "Gone again.")
    assert [made.state for made in attempts(stage)] == [AttemptState.SUCCEEDED] * 3


def test_two_applies_at_a_voice_that_is_gone_make_it_once(stage: Stage, gone: Wanted) -> None:
    apply_again(stage, gone)
    apply_again(stage, gone)
    stage.settle_down(3)
    assert len(stage.provider.voice_calls) == 2


def test_what_an_old_take_hears_of_the_old_voice_does_not_flag_the_one_being_made(stage: Stage, gone: Wanted) -> None:
    apply_again(stage, gone)
    with stage.edge.write() as session:
        voices.lose(session, gone.voice_id, "A take of before has heard that it is gone.")
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.WANTED, None)
    stage.settle_down(3)
    assert (voice(stage).state, voice(stage).problem) == (VoiceState.READY, None)


def test_a_line_that_hears_of_it_flags_the_voice(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_speak(VoiceGone("404"))
    stage.settle_down(3)
    assert voice(stage).problem == GONE
    apply_again(stage, mara)
    stage.settle_down(3)
    assert (voice(stage).problem, line(stage).state) == (None, TakeState.DONE)


def test_a_voice_given_up_with_its_run_is_handed_to_a_run_that_goes_on(stage: Stage, mara: Wanted) -> None:
    other = apply_again(stage, mara)
    stage.messages.lose_all()
    with stage.edge.write() as session:
        intake.stop_run(session, mara.run_id, "cancelled")
        voices.stop_run(session, mara.run_id)
    assert voice(stage).state is VoiceState.FAILED
    with stage.edge.write() as session:
        assert voices.hand_over(session, mara.voice_id, other)
    assert (voice(stage).state, voice(stage).run_id, voice(stage).problem) == (VoiceState.WANTED, other, None)
    with stage.edge.write() as session:
        assert not voices.hand_over(session, mara.voice_id, other), "it is handed over once"


def test_a_voice_is_not_handed_to_a_run_that_was_stopped_as_well(stage: Stage, mara: Wanted) -> None:
    other = apply_again(stage, mara)
    with stage.edge.write() as session:
        for run_id in (mara.run_id, other):
            intake.stop_run(session, run_id, "cancelled")
            voices.stop_run(session, run_id)
        assert not voices.hand_over(session, mara.voice_id, other)


def test_a_voice_that_its_own_run_may_still_make_is_handed_to_nobody(stage: Stage, mara: Wanted) -> None:
    settle(stage, send(stage), Refused("no"))
    with stage.edge.write() as session:
        other = factories.run(session, factories.account_of(session, mara.account_id))
        assert not voices.hand_over(session, mara.voice_id, other.id)


def test_a_recording_lost_while_a_twin_sends_does_not_free_the_money(stage: Stage, mara: Wanted) -> None:
    claim = send(stage)
    with stage.edge.write() as session:
        voices.lose_recording(session, claim.attempt_id)
    assert attempts(stage)[0].state is AttemptState.SENDING
    settle(stage, claim, answer())
    assert paid(stage, mara.voice_id) == [CLONE]


def test_a_stopped_run_gives_up_what_is_reserved_and_leaves_what_is_sent(stage: Stage, mara: Wanted) -> None:
    want(stage, "bram", run_id=mara.run_id)
    stage.hand_on()
    stage.messages.lose_all()
    first, second = attempts(stage)
    claim = begin(stage, job_of(stage, first.id))
    assert claim is not None
    with stage.edge.write() as session:
        intake.stop_run(session, mara.run_id, "cancelled")
        voices.stop_run(session, mara.run_id)
    states = {made.id: made.state for made in attempts(stage)}
    assert states == {first.id: AttemptState.SENDING, second.id: AttemptState.RELEASED}
    settle(stage, claim, answer())
    assert paid(stage, mara.voice_id) == [CLONE]
