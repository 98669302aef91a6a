"""What is in flight at once, what a lost message costs, and when a run is over."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from pipeline import edge as edges
from pipeline.db import limits
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account, Budget
from pipeline.provider.errors import Ambiguous, Refused
from pipeline.provider.port import SpeechResult
from pipeline.references.models import Reference, ReferenceState
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState
from tests.support import factories
from tests.support.fakes import PRICES, PROVIDER
from tests.support.fakes import speech as answer
from tests.support.stage import Stage

SLOTS = 8
WINDOW = 2 * SLOTS


def start(stage: Stage, *texts: str, count: int = 0) -> str:
    """Start a run of lines with a voice that needs no making; none is dispatched yet."""
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        for text in (*texts, *(f"Line {number}." for number in range(count))):
            factories.take(session, started, voice, text)
        return started.id


def dispatch(stage: Stage) -> int:
    with stage.edge.write() as session:
        return speech.dispatch(session, PROVIDER)


def states(stage: Stage) -> dict[TakeState, int]:
    with stage.database.read() as session:
        return dict(session.execute(select(Take.state, func.count()).group_by(Take.state)).all())


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def test_about_twice_as_many_takes_as_slots_are_on_their_way(stage: Stage) -> None:
    start(stage, count=40)
    assert [dispatch(stage) for _ in range(3)] == [WINDOW, 0, 0]
    assert states(stage) == {TakeState.DISPATCHED: WINDOW, TakeState.READY: 40 - WINDOW}
    assert len(stage.messages.of("speech.speak")) == WINDOW


def test_each_take_that_ends_sends_the_next_one(stage: Stage) -> None:
    started = start(stage, count=40)
    dispatch(stage)
    stage.hand_on()
    assert len(stage.messages.waiting) == WINDOW
    stage.work()
    assert states(stage) == {TakeState.DONE: 40}
    assert run(stage, started).state is RunState.DONE


def test_several_dispatchers_send_each_take_once(stage: Stage) -> None:
    start(stage, count=60)
    together = threading.Barrier(6)

    def send(_: int) -> int:
        together.wait()
        return dispatch(stage)

    with ThreadPoolExecutor(6) as threads:
        sent = sum(threads.map(send, range(6)))
    hinted = stage.messages.of("speech.speak")
    assert len(hinted) == len(set(hinted)) == sent == states(stage)[TakeState.DISPATCHED]
    assert sent >= WINDOW


def test_the_lower_priority_number_goes_first_and_then_the_older_take(stage: Stage) -> None:
    start(stage, "first", "second", "urgent")
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.text == "urgent").values(priority=0))
        limits.set_limits(session, PROVIDER, concurrent=1, per_minute=60_000)
    dispatch(stage)
    stage.work()
    assert list(stage.provider.spoken) == ["urgent", "first", "second"]


def test_nothing_is_sent_before_it_is_due(stage: Stage) -> None:
    start(stage, count=3)
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=2**50))
    assert dispatch(stage) == 0
    stage.sweep()
    assert states(stage) == {TakeState.READY: 3}


def test_nothing_is_sent_before_the_limits_are_known(stage: Stage) -> None:
    start(stage, count=3)
    with stage.database.write() as session:
        limits.set_limits(session, PROVIDER, concurrent=0, per_minute=60)
    assert dispatch(stage) == 0


def test_a_lost_message_is_sent_again(stage: Stage) -> None:
    start(stage, count=3)
    dispatch(stage)
    stage.messages.lose_all()
    stage.sweep()
    assert stage.messages.of("speech.speak") == []
    stage.pass_time()
    stage.sweep()
    assert len(stage.messages.of("speech.speak")) == 3
    stage.work()
    assert len(stage.provider.speech_calls) == 3


def test_without_a_permit_a_take_is_put_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "PATIENCE_SECONDS", 0.05)
    start(stage, "Hello.")
    dispatch(stage)
    stage.edge.cool_down(60)
    stage.work()
    with stage.database.read() as session:
        waiting = session.scalars(select(Take)).one()
    assert (waiting.state, waiting.fence, waiting.lease_until) == (TakeState.READY, 0, None)


def test_a_run_ends_once_however_many_look(stage: Stage) -> None:
    started = start(stage, count=2)
    with stage.database.write() as session:
        session.execute(update(Take).values(state=TakeState.DONE, object_key="key"))
    together, closed = threading.Barrier(6), []

    def close(_: int) -> None:
        together.wait()
        with stage.database.write() as session:
            closed.append(intake.close_run(session, started, RunState.DONE))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(close, range(6)))
    assert sorted(closed) == [False] * 5 + [True]


def test_several_sweepers_at_once_end_the_run_and_speak_nothing_twice(stage: Stage) -> None:
    started = start(stage, count=20)
    for _ in range(4):
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(stage.sweep) for _ in range(4)]:
                done.result(timeout=60)
        stage.work()
    stage.sweep()
    ended = run(stage, started)
    assert (ended.state, len(stage.provider.speech_calls)) == (RunState.DONE, 20)
    stage.settle_down(2)
    assert run(stage, started).closed_at == ended.closed_at


@pytest.mark.parametrize("open_state", [TakeState.WAITING, TakeState.READY, TakeState.DISPATCHED, TakeState.SPEAKING])
def test_a_run_is_open_while_anything_of_it_can_move(stage: Stage, open_state: TakeState) -> None:
    started = start(stage, count=2)
    with stage.database.write() as session:
        first = session.scalars(select(Take.id).order_by(Take.id)).first()
        session.execute(update(Take).values(state=TakeState.DONE, object_key="key"))
        session.execute(update(Take).where(Take.id == first).values(state=open_state, lease_until=2**50))
        speech.close_runs(session)
    assert run(stage, started).state is RunState.RUNNING


def test_a_run_with_a_line_that_failed_is_partial(stage: Stage) -> None:
    started = start(stage, "Hello.", "Goodbye.")
    stage.provider.will_speak(Refused("not this"))
    stage.settle_down(2)
    assert run(stage, started).state is RunState.PARTIAL
    assert states(stage) == {TakeState.DONE: 1, TakeState.FAILED: 1}


def test_a_stopped_run_blocks_what_is_not_begun_and_finishes_the_rest(stage: Stage) -> None:
    started = start(stage, "Hello.", "Goodbye.")

    def stop_meanwhile(_: object) -> SpeechResult:
        with stage.edge.write() as session:
            intake.stop_run(session, started, "cancelled")
        stage.run("voices.stop_run", started)
        stage.run("speech.stop_run", started)
        assert run(stage, started).state is RunState.RUNNING
        return answer("Hello.")

    stage.provider.will_speak(stop_meanwhile)
    dispatch(stage)
    stage.settle_down(2)
    assert run(stage, started).state is RunState.STOPPED
    assert states(stage) == {TakeState.DONE: 1, TakeState.BLOCKED: 1}


def test_stopping_books_what_earlier_attempts_may_have_cost(stage: Stage) -> None:
    started = start(stage, "Hello.")
    stage.provider.will_speak(Ambiguous("reset"))
    dispatch(stage)
    stage.hand_on()
    with stage.edge.write() as session:
        assert session.get_one(Budget, started).held == 600
        intake.stop_run(session, started, "cancelled")
    stage.settle_down(2)
    with stage.database.read() as session:
        purse = session.get_one(Budget, started)
    assert (purse.held, purse.spent) == (0, 600)


def test_a_voice_that_fails_books_what_its_lines_may_have_cost(stage: Stage) -> None:
    started = start(stage, "Hello.")
    stage.provider.will_speak(Ambiguous("reset"))
    dispatch(stage)
    stage.hand_on()
    with stage.edge.write() as session:
        voice_id = session.scalars(select(Voice.id)).one()
        session.execute(update(Voice).values(problem="voice_gone"))
        speech.block_voice(session, voice_id)
    with stage.database.read() as session:
        purse = session.get_one(Budget, started)
    assert (purse.held, purse.spent) == (0, 600)


def test_old_news_of_a_voice_blocks_nothing(stage: Stage) -> None:
    # Its failure is still on its way when the next run wants it once more.
    stage.add_recording()
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.voice(session, started)
        line = factories.take(session, started, voice).id
    stage.messages.lose_all()
    stage.run("speech.block_voice", voice.id)
    with stage.database.read() as session:
        assert session.get_one(Take, line).state is TakeState.WAITING
    stage.run("speech.open_voice", voice.id)
    with stage.database.read() as session:
        assert session.get_one(Take, line).state is TakeState.WAITING


def test_news_of_a_voice_twice_is_news_once(stage: Stage) -> None:
    stage.add_recording()
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.voice(session, started)
        factories.take(session, started, voice)
    stage.hand_on()
    stage.hand_on()
    for _ in range(3):
        stage.run("speech.open_voice", voice.id)
    stage.settle_down(2)
    assert len(stage.provider.speech_calls) == 2
    assert run(stage, started.id).state is RunState.DONE


@pytest.mark.parametrize("lost", [VoiceState.READY, VoiceState.UNCLEAR])
def test_a_lost_word_about_a_voice_is_found_by_the_sweeper(stage: Stage, lost: VoiceState) -> None:
    stage.add_recording()
    if lost is VoiceState.UNCLEAR:
        stage.provider.will_make(Ambiguous("reset"))
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        factories.take(session, started, factories.voice(session, started))
    stage.hand_on()
    stage.hand_on()
    stage.messages.lose_all()
    stage.settle_down(2)
    expected = RunState.DONE if lost is VoiceState.READY else RunState.PARTIAL
    assert run(stage, started.id).state is expected


def test_lines_start_as_soon_as_their_own_voice_is_ready(stage: Stage) -> None:
    stage.add_recording("mara")
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        for name, ready in (("mara", True), ("bram", False)):
            factories.take(session, started, factories.voice(session, started, name, ready=ready), f"I am {name}.")
        preparing = {"state": ReferenceState.PREPARING, "holder": stage.edge.holder, "lease_until": 2**50}
        session.execute(update(Reference).where(Reference.state == ReferenceState.RECEIVED).values(**preparing))
    stage.work()
    assert "I am mara." in stage.provider.spoken
    assert states(stage)[TakeState.WAITING] == 1
    assert run(stage, started.id).state is RunState.RUNNING


def test_lines_that_sound_the_same_are_spoken_once(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        speech.want(session, started, [factories.wanted_take(voice, "Halt!") for _ in range(5)])
        speech.dispatch(session, PROVIDER)
    stage.settle_down(2)
    assert list(stage.provider.spoken) == ["Halt!"]


def test_a_failed_line_is_spoken_by_the_next_run_on_its_own_money(stage: Stage) -> None:
    first = start(stage, "Halt!")
    stage.provider.will_speak(Refused("not today"))
    stage.settle_down(2)
    with stage.edge.write() as session:
        owner = session.get_one(Account, session.get_one(Run, first).account_id)
        second = factories.run(session, owner)
        factories.take(session, second, session.scalars(select(Voice)).one(), "Halt!")
    stage.settle_down(2)
    with stage.database.read() as session:
        line = session.scalars(select(Take)).one()
        assert (line.state, line.run_id, line.error_kind) == (TakeState.DONE, second.id, None)
        assert session.get_one(Budget, first).spent == 0
        assert session.get_one(Budget, second.id).spent == line.cost > 0


def test_a_line_that_two_runs_want_is_paid_for_by_the_first(stage: Stage) -> None:
    first = start(stage, "Halt!")
    with stage.edge.write() as session:
        owner = session.get_one(Account, session.get_one(Run, first).account_id)
        second = factories.run(session, owner)
        factories.take(session, second, session.scalars(select(Voice)).one(), "Halt!")
    stage.settle_down(2)
    assert len(stage.provider.speech_calls) == 1
    with stage.database.read() as session:
        assert session.get_one(Budget, second.id).spent == 0
    assert {run(stage, run_id).state for run_id in (first, second.id)} == {RunState.DONE}


def test_equal_lines_of_two_accounts_are_apart(stage: Stage) -> None:
    runs: Sequence[str] = [start(stage, "Halt!") for _ in range(2)]
    stage.settle_down(2)
    assert len(stage.provider.speech_calls) == 2
    with stage.database.read() as session:
        keys = session.scalars(select(Take.object_key)).all()
        assert len(set(keys)) == 2
        assert all(session.get_one(Budget, run_id).spent == 500 for run_id in runs)


def test_many_lines_at_once_are_wanted_in_one_transaction(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        speech.want(session, started, [factories.wanted_take(voice, f"Line {number}.") for number in range(1_100)])
    assert states(stage) == {TakeState.READY: 1_100}


def test_prices_are_what_the_tests_think() -> None:
    assert PRICES.speech("stage-hd", 5) == 500
