"""A run that was stopped keeps nothing from another that wants it and goes on."""

import pytest
from sqlalchemy import select

from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account, Budget
from pipeline.provider.port import SpeechRequest, SpeechResult
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service import closing
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import PROVIDER
from tests.support.fakes import speech as answer
from tests.support.stage import Stage

LINE = "Halt!"


def start(stage: Stage, *, cloned: bool = False, after: str | None = None) -> str:
    """Start a run of one line; a second one wants the same line of the same voice."""
    with stage.edge.write() as session:
        owner = (
            session.get_one(Account, session.get_one(Run, after).account_id) if after else factories.account(session)
        )
        started = factories.run(session, owner)
        voice = factories.voice(session, started) if cloned else factories.system_voice(session, started)
        factories.take(session, started, voice, LINE)
        return started.id


def stop(stage: Stage, run_id: str, reason: str = "cancelled") -> None:
    with stage.edge.write() as session:
        intake.stop_run(session, run_id, reason)


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def line(stage: Stage) -> Take:
    with stage.database.read() as session:
        return session.scalars(select(Take).where(Take.text == LINE)).one()


def assert_second_run_paid(stage: Stage, first: str, second: str, spent: int) -> None:
    assert (line(stage).state, line(stage).run_id) == (TakeState.DONE, second)
    assert (run(stage, first).state, run(stage, second).state) == (RunState.STOPPED, RunState.DONE)
    with stage.database.read() as session:
        assert (session.get_one(Budget, first).spent, session.get_one(Budget, second).spent) == (0, spent)


def test_a_line_of_a_stopped_run_goes_to_the_run_that_waits_for_it(stage: Stage) -> None:
    first = start(stage)
    second = start(stage, after=first)
    stop(stage, first)
    stage.settle_down(4)
    assert_second_run_paid(stage, first, second, 100 * len(LINE))


@on_sqlite
def test_without_the_hand_over_the_second_run_gets_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "hand_over", lambda *_: None)
    first = start(stage)
    second = start(stage, after=first)
    stop(stage, first)
    stage.settle_down(4)
    assert run(stage, second).state is RunState.PARTIAL


def test_a_run_that_starts_after_the_stop_takes_the_line_over_at_once(stage: Stage) -> None:
    first = start(stage)
    stop(stage, first)
    second = start(stage, after=first)
    assert line(stage).run_id == second
    stage.settle_down(4)
    assert_second_run_paid(stage, first, second, 100 * len(LINE))


def test_a_voice_of_a_stopped_run_is_made_for_the_run_that_waits_for_it(stage: Stage) -> None:
    stage.add_recording()
    first = start(stage, cloned=True)
    second = start(stage, cloned=True, after=first)
    stop(stage, first)
    stage.settle_down(6)
    assert (line(stage).state, run(stage, second).state) == (TakeState.DONE, RunState.DONE)
    assert run(stage, first).state is RunState.STOPPED
    with stage.database.read() as session:
        assert session.scalars(select(Voice.state)).one() is VoiceState.READY
        assert session.get_one(Budget, first).spent == 0


@on_sqlite
def test_what_is_being_spoken_is_finished_by_the_run_that_began_it(stage: Stage) -> None:
    first = start(stage)

    def stop_meanwhile(request: SpeechRequest) -> SpeechResult:
        stop(stage, first)
        start(stage, after=first)
        return answer(request.text)

    stage.provider.will_speak(stop_meanwhile)
    with stage.edge.write() as session:
        speech.dispatch(session, PROVIDER)
    stage.settle_down(4)
    assert (line(stage).state, line(stage).run_id) == (TakeState.DONE, first)
    assert len(stage.provider.speech_calls) == 1


@on_sqlite
def test_a_stopped_run_ends_although_what_it_handed_over_goes_on(stage: Stage) -> None:
    first = start(stage)
    start(stage, after=first)
    stop(stage, first)
    stage.run("voices.stop_run", first)
    stage.run("speech.stop_run", first)
    assert (run(stage, first).state, line(stage).state) == (RunState.STOPPED, TakeState.READY)
    stage.settle_down(3)


@on_sqlite
def test_where_nobody_else_wants_it_a_line_of_a_stopped_run_stays_blocked(stage: Stage) -> None:
    first = start(stage)
    other = start(stage)  # of another account
    stop(stage, first)
    with stage.database.write() as session:
        mine = Take.account_id == session.get_one(Run, first).account_id
        assert session.scalars(select(Take.run_id).where(mine)).one() == first
    stage.settle_down(3)
    with stage.database.read() as session:
        assert session.scalars(select(Take.state).where(mine)).one() is TakeState.BLOCKED
    assert run(stage, other).state is RunState.DONE
