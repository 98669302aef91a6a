"""Spoken audio that could not be stored at once is stored later, and not paid for again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipeline.errors import EnvironmentFault
from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Transfer
from pipeline.provider.port import SpeechRequest, SpeechResult
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.storage.port import StoreUnavailable
from pipeline.storage.spool import Spool
from tests.integration.speech.takes import claim
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import speech as answer
from tests.support.fakes import tone
from tests.support.stage import Stage

TEXT = "Who goes there?"
PRICE = 100 * len(TEXT)
PARTS = ("I have walked for seven long days.", "I have slept in the snow and in barns.", "Now open this gate!")


def ask(stage: Stage, text: str = TEXT) -> str:
    """Dispatch a take of a voice that needs no making."""
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        asked = factories.take(session, started, factories.system_voice(session, started), text)
        speech.dispatch(session, "stage")
        return asked.id


def look(stage: Stage, take_id: str) -> Take:
    with stage.database.read() as session:
        return session.get_one(Take, take_id)


def wasted(stage: Stage, take_id: str) -> int:
    with stage.database.read() as session:
        return session.get_one(Run, session.get_one(Take, take_id).run_id).wasted


def paid(stage: Stage) -> list[int]:
    with stage.database.read() as session:
        return list(session.scalars(select(Transfer.amount).order_by(Transfer.id)))


def on_disk(stage: Stage) -> list[str]:
    return [entry.name for entry in stage.edge.spool.entries()]


def refuse_puts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, *_: object, **__: object) -> None:
        raise StoreUnavailable(key)

    monkeypatch.setattr(stage.store, "put", refuse)


def die_after_the_answer(stage: Stage, take_id: str) -> None:
    """Speak as a worker that is killed before it could store what it got."""
    keeper = stage.keeper(*claim(stage, take_id))
    spoken = speech.call(stage.provider, keeper, lambda _: None)
    assert isinstance(spoken, speech.Spoken)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(stage.store, "put", _killed)
        with pytest.raises(Killed):
            keeper.keep(spoken)
    stage.kill_worker()
    stage.sweep()
    with stage.database.write() as session:
        factories.revive(session, stage.edge.holder)


class Killed(BaseException):
    """Stands in for the end of a process."""


def _full(*_: object) -> None:
    raise EnvironmentFault("The disk is full.")


def _killed(*_: object, **__: object) -> None:
    raise Killed


def test_audio_that_cannot_be_stored_is_kept_on_disk_and_stored_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = ask(stage)
    stage.provider.will_speak(answer(TEXT, audio=tone(0.3)))
    with monkeypatch.context() as outage:
        refuse_puts(stage, outage)
        stage.hand_on()
    missed = look(stage, take)
    assert (missed.state, missed.error_kind, missed.cost) == (TakeState.READY, "storage_failed", PRICE)
    assert (on_disk(stage), wasted(stage, take)) == ([f"{take}.1"], 0)
    stage.settle_down(3)
    done = look(stage, take)
    assert (done.state, done.cost, done.seconds, done.chars) == (TakeState.DONE, PRICE, 0.3, len(TEXT))
    assert len(stage.provider.speech_calls) == 1
    assert stage.store.get(done.object_key or "") == tone(0.3)
    assert (on_disk(stage), wasted(stage, take)) == ([], 0)


def test_a_line_that_another_machine_speaks_again_has_wasted_what_lies_on_the_first_ones_disk(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = ask(stage)
    with monkeypatch.context() as outage:
        refuse_puts(stage, outage)
        stage.hand_on()
    elsewhere = {name: stage.edge.spool.read(name) for name in on_disk(stage)}
    for name in elsewhere:
        stage.edge.spool.remove(name)
    stage.settle_down(3)
    assert (look(stage, take).state, look(stage, take).cost) == (TakeState.DONE, 2 * PRICE)
    assert (len(elsewhere), wasted(stage, take)) == (1, 1)


def test_audio_that_neither_bucket_nor_disk_takes_is_wasted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    take = ask(stage)
    with monkeypatch.context() as outage:
        refuse_puts(stage, outage)
        outage.setattr(type(stage.edge.spool), "write", _full)
        stage.hand_on()
    missed = look(stage, take)
    assert (missed.state, missed.error_kind, wasted(stage, take)) == (TakeState.READY, "audio_lost", 1)


def test_a_kill_between_the_answer_and_the_bucket_costs_nothing(stage: Stage) -> None:
    take = ask(stage)
    stage.provider.will_speak(answer(TEXT, charged=PRICE - 100))
    die_after_the_answer(stage, take)
    assert look(stage, take).error_kind == "worker_lost"
    stage.settle_down(3)
    assert (look(stage, take).state, look(stage, take).cost) == (TakeState.DONE, PRICE - 100)
    assert len(stage.provider.speech_calls) == 1
    assert paid(stage) == [PRICE - 100]
    assert (on_disk(stage), wasted(stage, take)) == ([], 0)


def test_without_what_is_on_disk_the_same_kill_is_paid_for_twice(stage: Stage) -> None:
    take = ask(stage)
    die_after_the_answer(stage, take)
    for name in on_disk(stage):
        stage.edge.spool.remove(name)
    stage.settle_down(3)
    assert (look(stage, take).state, look(stage, take).cost) == (TakeState.DONE, 2 * PRICE)
    assert wasted(stage, take) == 1


@on_sqlite
def test_while_the_bucket_takes_nothing_nothing_more_is_paid_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    take = ask(stage)
    refuse_puts(stage, monkeypatch)
    stage.hand_on()
    for _ in range(5):
        stage.pass_time()
        stage.sweep()
        with pytest.raises(StoreUnavailable):
            stage.work()
    assert len(stage.provider.speech_calls) == 1
    assert look(stage, take).state is TakeState.DISPATCHED
    monkeypatch.undo()
    stage.settle_down(3)
    assert paid(stage) == [PRICE]


@on_sqlite
def test_a_part_that_could_not_be_stored_is_not_spoken_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    take = ask(stage, " ".join(PARTS))
    with monkeypatch.context() as outage:
        refuse_puts(stage, outage)
        stage.hand_on()
    assert on_disk(stage) == [f"{take}.1.part0"]
    stage.settle_down(3)
    assert look(stage, take).state is TakeState.DONE
    assert tuple(stage.provider.spoken) == PARTS
    assert sum(paid(stage)) == 100 * sum(len(part) for part in PARTS)


@on_sqlite
def test_what_has_been_stored_leaves_nothing_on_disk(stage: Stage) -> None:
    seen = []

    def put(key: str, *given: object, **named: object) -> None:
        seen.append(on_disk(stage))
        working(key, *given, **named)

    working: Callable[..., None] = stage.store.put
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(stage.store, "put", put)
        take = ask(stage)
        stage.work()
    assert seen == [[f"{take}.1"]]
    assert on_disk(stage) == []


@on_sqlite
def test_a_full_disk_keeps_no_audio_from_the_bucket(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise EnvironmentFault("no room")

    monkeypatch.setattr(stage.edge.spool, "write", refuse)
    take = ask(stage)
    stage.work()
    assert look(stage, take).state is TakeState.DONE


@on_sqlite
def test_what_an_earlier_life_left_on_disk_is_stored_for_whoever_asks(stage: Stage, tmp_path: Path) -> None:
    take = ask(stage)
    die_after_the_answer(stage, take)
    assert speech.restore(stage.edge.spool, stage.store, older_than=60) == 0
    assert speech.restore(stage.edge.spool, stage.store) == 1
    assert speech.restore(stage.edge.spool, stage.store) == 0
    assert speech.restore(Spool(tmp_path / "nowhere"), stage.store) == 0
    stage.settle_down(3)
    assert (look(stage, take).state, len(stage.provider.speech_calls)) == (TakeState.DONE, 1)


@on_sqlite
def test_of_two_spoken_files_of_a_take_the_first_that_is_stored_stays(stage: Stage) -> None:
    # The killed worker's audio is found when the take has been spoken again by another machine.
    take = ask(stage)
    die_after_the_answer(stage, take)
    kept = list(stage.edge.spool.entries())
    stage.edge.spool.remove(kept[0].name)
    stage.provider.will_speak(answer(TEXT, audio=tone(0.5)))
    stage.settle_down(3)
    stage.edge.spool.write(kept[0].name, kept[0].content)
    assert speech.restore(stage.edge.spool, stage.store) == 0
    assert stage.store.get(look(stage, take).object_key or "") == tone(0.5)
    assert on_disk(stage) == []


@on_sqlite
def test_the_stored_object_says_what_it_cost_and_which_attempt_brought_it(stage: Stage) -> None:
    take = ask(stage)
    stage.work()
    stored = stage.store.head(look(stage, take).object_key or "")
    assert stored is not None
    told = {name: stored.metadata[name] for name in ("attempt", "cost-micros", "chars", "seconds")}
    assert told == {"attempt": f"{take}#1", "cost-micros": str(PRICE), "chars": str(len(TEXT)), "seconds": "0.100"}


def test_an_unanswered_call_is_one_of_three_whatever_became_of_it(stage: Stage) -> None:
    """A worker that dies three times in a call has had the line's three paid attempts."""
    take = ask(stage)

    def die(_: SpeechRequest) -> SpeechResult:
        raise Killed

    stage.provider.will_speak(*[die] * 9)
    for _ in range(6):
        for _ in stage.messages.waiting.copy():
            with pytest.raises(Killed):
                stage.run(*stage.messages.waiting.popleft())
        stage.kill_worker()
        stage.sweep()
        with stage.database.write() as session:
            factories.revive(session, stage.edge.holder)
            session.execute(update(Take).values(not_before=0))
        stage.pass_time()
        stage.sweep()
    failed = look(stage, take)
    assert (failed.state, failed.attempt, len(stage.provider.speech_calls)) == (TakeState.FAILED, 3, 3)
    assert (failed.cost, wasted(stage, take)) == (3 * PRICE, 3)
    with stage.database.read() as session:
        assert session.get_one(Budget, failed.run_id).held == 0
