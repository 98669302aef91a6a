"""What a person does to a run takes effect at the next claim, spends nothing more, and loses nothing."""

from typing import Any

import pytest
from sqlalchemy import update

from pipeline import control
from pipeline.errors import Conflict, NotFound
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Budget
from pipeline.provider.errors import Ambiguous
from pipeline.provider.port import SpeechResult
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service import closing, speaking
from tests.integration.runs import cancel_lines, do, lines, run, start, states, status
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import speech as answer
from tests.support.stage import Stage


def test_a_paused_run_starts_nothing_and_goes_on_when_it_is_resumed(stage: Stage) -> None:
    started = start(stage, lines(30))
    stage.hand_on()
    do(stage, control.pause, started)
    spoken = len(stage.provider.speech_calls)
    stage.settle_down(3)
    assert len(stage.provider.speech_calls) == spoken < 30
    held = status(stage, started)
    assert (held["state"], held["paused"]["code"]) == ("running", "run_paused")
    assert started in held["paused"]["hint"]
    assert held["held_micros"] == 0
    do(stage, control.resume, started)
    stage.work()
    assert run(stage, started).state is RunState.DONE
    assert sorted(stage.provider.spoken) == sorted({f"Line {number}." for number in range(30)})


def test_a_paused_run_makes_no_voices(stage: Stage) -> None:
    stage.add_recording()
    with stage.edge.write() as session:
        factories.reference(session, owner := factories.account(session), "mara")
    started = start(stage, Sheet().cloned("mara").says("mara", "Halt!"), owner.id)
    do(stage, control.pause, started)
    stage.settle_down(3)
    assert not stage.provider.voice_calls
    do(stage, control.resume, started)
    stage.work()
    assert (len(stage.provider.voice_calls), run(stage, started).state) == (1, RunState.DONE)


@on_sqlite
def test_pausing_and_resuming_twice_is_doing_it_once(stage: Stage) -> None:
    started = start(stage, lines(2))
    do(stage, control.pause, started)
    since = run(stage, started).paused_at
    do(stage, control.pause, started)
    assert run(stage, started).paused_at == since
    do(stage, control.resume, started)
    do(stage, control.resume, started)
    stage.work()
    with pytest.raises(Conflict, match="is over"):
        do(stage, control.pause, started)


def test_a_cancelled_run_spends_nothing_more_and_keeps_what_it_has(stage: Stage) -> None:
    started = start(stage, lines(40))
    stage.hand_on()
    do(stage, control.cancel, started)
    spoken = len(stage.provider.speech_calls)
    assert 0 < spoken < 40
    stage.settle_down(3)
    ended = status(stage, started)
    assert (ended["state"], ended["reason"]) == ("stopped", "cancelled")
    assert len(stage.provider.speech_calls) == spoken == ended["takes"]["done"]
    assert ended["held_micros"] == 0
    assert ended["failures"][0] | {"message": None} == {
        "cause": "cancelled",
        "message": None,
        "count": 40 - spoken,
        "next": f"callsheet retry {started} --cause cancelled opens them again.",
    }


def test_without_the_flag_a_cancelled_run_goes_on_spending(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    started = start(stage, lines(40))
    stage.hand_on()
    monkeypatch.setattr(intake, "stop_run", lambda *_: False)
    do(stage, control.cancel, started)
    stage.settle_down(3)
    assert len(stage.provider.speech_calls) == 40


def test_what_a_cancelled_run_has_not_begun_is_blocked_in_steps(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "STEP", 7)
    started = start(stage, lines(40))
    stage.messages.lose_all()
    do(stage, control.cancel, started)
    stage.hand_on()  # the voices of the run
    for step in (1, 2):
        stage.hand_on()
        assert states(stage)[TakeState.BLOCKED] == 7 * step
        assert run(stage, started).state is RunState.RUNNING
    stage.work()
    assert states(stage) == {TakeState.BLOCKED: 40}
    assert run(stage, started).state is RunState.STOPPED
    assert not stage.provider.speech_calls


def test_a_run_is_stopped_to_its_end_although_a_step_was_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "STEP", 7)
    started = start(stage, lines(40))
    stage.messages.lose_all()
    do(stage, control.cancel, started)
    stage.hand_on()
    stage.hand_on()
    stage.messages.lose_all()
    stage.sweep()
    assert not [task for task, _ in stage.messages.waiting if "stop_run" in task]  # one is under way, for all it knows
    with stage.database.write() as session:
        session.execute(update(Run).values(stopping_at=Run.stopping_at - 6_000))
    stage.sweep()
    stage.work()
    assert run(stage, started).state is RunState.STOPPED


def test_lines_and_characters_are_cancelled_and_the_others_are_spoken(stage: Stage) -> None:
    sheet = lines(3).system("bram", "storyteller").says("bram", "I am Bram.", "Truly.")
    started = start(stage, sheet)
    cancelled = cancel_lines(stage, started, characters=["bram"], ids=["line_2"])
    assert (cancelled.takes, cancelled.speaking) == (3, 0)
    stage.settle_down(2)
    assert sorted(stage.provider.spoken) == ["Line 0.", "Line 2."]
    ended = status(stage, started)
    assert (ended["state"], ended["takes"]["done"], ended["takes"]["blocked"]) == ("partial", 2, 3)
    assert [failure["cause"] for failure in ended["failures"]] == ["cancelled"]


def test_a_take_that_another_line_shares_is_not_cancelled_with_one_of_them(stage: Stage) -> None:
    started = start(stage, Sheet().system("herald").says("herald", "Halt!", "Halt!"))
    assert cancel_lines(stage, started, ids=["line_1"]).takes == 0
    assert cancel_lines(stage, started, ids=["line_1", "line_2"]).takes == 1


def test_a_cancelled_line_that_another_run_wants_is_spoken_at_its_expense(stage: Stage) -> None:
    first = start(stage, lines(1))
    stage.messages.lose_all()
    second = start(stage, lines(1), run(stage, first).account_id)
    cancel_lines(stage, first, ids=["line_1"])
    stage.settle_down(2)
    assert [run(stage, run_id).state for run_id in (first, second)] == [RunState.DONE, RunState.DONE]
    with stage.database.read() as session:
        assert session.get_one(Budget, first).spent == 0 < session.get_one(Budget, second).spent


def cancel_while_it_is_spoken(stage: Stage, outcome: Any) -> str:
    started = start(stage, lines(1))

    def meanwhile(_: object) -> SpeechResult:
        assert cancel_lines(stage, started, ids=["line_1"]).speaking == 1
        if isinstance(outcome, Exception):
            raise outcome
        result: SpeechResult = outcome
        return result

    stage.provider.will_speak(meanwhile)
    stage.settle_down(3)
    return started


def test_a_line_that_is_being_spoken_when_it_is_cancelled_is_kept(stage: Stage) -> None:
    cancel_while_it_is_spoken(stage, answer("Line 0."))
    assert states(stage) == {TakeState.DONE: 1}


def test_a_line_that_was_cancelled_while_it_was_spoken_is_not_tried_again(stage: Stage) -> None:
    started = cancel_while_it_is_spoken(stage, Ambiguous("reset"))
    assert (states(stage), len(stage.provider.speech_calls)) == ({TakeState.BLOCKED: 1}, 1)
    assert run(stage, started).state is RunState.PARTIAL


def test_without_asking_whether_it_is_wanted_a_cancelled_line_is_paid_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "require_wanted", lambda *_: None)
    cancel_while_it_is_spoken(stage, Ambiguous("reset"))
    assert len(stage.provider.speech_calls) == 2


@on_sqlite
def test_a_name_that_the_production_does_not_have_cancels_nothing(stage: Stage) -> None:
    started = start(stage, lines(2))
    for wrong in ({"characters": ["nobody"]}, {"ids": ["line_1", "line_9"]}):
        with pytest.raises(NotFound, match=r"nobody|line_9"):
            cancel_lines(stage, started, **wrong)
    assert run(stage, started).paused_at is None
    stage.work()
    assert states(stage) == {TakeState.DONE: 2}


def test_the_pace_is_that_of_the_last_while_since_the_run_was_resumed(stage: Stage) -> None:
    started = start(stage, lines(40))
    stage.hand_on()
    now = status(stage, started)
    assert now["takes_per_second"] > 0
    assert now["eta_seconds"] == pytest.approx(now["takes"]["open"] / now["takes_per_second"])
    with stage.edge.write() as session:
        session.execute(update(Take).where(Take.done_at.is_not(None)).values(done_at=Take.done_at - 60_000))
        session.execute(update(Run).values(created_at=Run.created_at - 120_000))
    assert (status(stage, started)["takes_per_second"], status(stage, started)["eta_seconds"]) == (0.0, None)
    do(stage, control.pause, started)
    assert status(stage, started)["eta_seconds"] is None
    do(stage, control.resume, started)
    stage.hand_on()
    resumed = status(stage, started)
    assert resumed["takes"]["done"] > now["takes"]["done"]
    assert resumed["takes_per_second"] > 1  # of the seconds since, and not of the minute that it stood still
