"""A worker that was killed, and one that comes back after it was given up: what they leave is used or on the books."""

from sqlalchemy import update

from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from tests.integration.speech.takes import PRICE, TEXT, budget, claim, look, settle, transfers
from tests.support import factories
from tests.support.fakes import speech as answer
from tests.support.stage import Stage


def speak(stage: Stage, job: speech.Job, claimed: speech.Claim) -> None:
    """Call, store and settle under a claim."""
    keeper = stage.keeper(job, claimed)
    spoken = speech.call(stage.provider, keeper, lambda _: None)
    kept = keeper.keep(spoken) if isinstance(spoken, speech.Spoken) else spoken
    settle(stage, job, claimed, kept)


def revived(stage: Stage) -> None:
    """Let another worker go on under the same name."""
    with stage.database.write() as session:
        factories.revive(session, stage.edge.holder)


def test_a_killed_workers_take_goes_on_and_its_doubt_is_paid_for(stage: Stage, take: str) -> None:
    claim(stage, take)
    stage.kill_worker()
    stage.sweep()
    taken_back = look(stage, take)
    assert (taken_back.state, taken_back.attempt, taken_back.error_kind) == (TakeState.READY, 1, "worker_lost")
    assert budget(stage, take).held == PRICE
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=0))
    revived(stage)
    stage.settle_down(2)
    assert (look(stage, take).state, look(stage, take).cost) == (TakeState.DONE, 2 * PRICE)


def test_a_killed_workers_audio_is_adopted_at_its_true_price(stage: Stage, take: str) -> None:
    # It was stored and the worker died before the row said so: the object tells what it cost.
    job, claimed = claim(stage, take)
    stage.provider.will_speak(answer(TEXT, charged=PRICE - 100))
    keeper = stage.keeper(job, claimed)
    spoken = speech.call(stage.provider, keeper, lambda _: None)
    assert isinstance(spoken, speech.Spoken)
    keeper.keep(spoken)
    stage.kill_worker()
    stage.sweep()
    revived(stage)
    stage.settle_down(2)
    done = look(stage, take)
    assert (done.state, done.cost) == (TakeState.DONE, PRICE - 100)
    assert len(stage.provider.speech_calls) == 1
    (paid,) = transfers(stage)
    assert (paid.source, paid.attempt) == ("provider", f"{take}#1")


def test_a_late_twin_keeps_what_is_there_and_pays_for_its_own_call(stage: Stage, take: str) -> None:
    late = claim(stage, take)
    stage.kill_worker()
    stage.sweep()
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=0))
        speech.dispatch(session, "stage")
    revived(stage)
    spoken = speech.call(stage.provider, stage.keeper(*late), lambda _: None)
    second = claim(stage, take)
    speak(stage, *second)
    first_stored = look(stage, take)
    assert isinstance(spoken, speech.Spoken)
    kept = stage.keeper(*late).keep(spoken)
    settle(stage, *late, kept)
    done = look(stage, take)
    assert (done.state, done.sha256) == (TakeState.DONE, first_stored.sha256)
    assert done.cost == 2 * PRICE
    assert len(transfers(stage)) == 2


def test_a_late_miss_changes_nothing_of_a_take_that_was_dispatched_again(stage: Stage, take: str) -> None:
    job, late = claim(stage, take)
    stage.kill_worker()
    stage.sweep()
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=0))
        speech.dispatch(session, "stage")
    settle(stage, job, late, speech.Missed("ambiguous", "reset"))
    dispatched = look(stage, take)
    assert (dispatched.state, dispatched.attempt, dispatched.error_kind) == (TakeState.DISPATCHED, 1, "worker_lost")
    revived(stage)
    stage.settle_down(3)
