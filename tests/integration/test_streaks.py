"""Failures in a row for one cause hold a run up; others do not."""

from typing import Any

import pytest
from sqlalchemy import update

from pipeline import control
from pipeline.intake.models import RunState
from pipeline.intake.rules import STREAK_TO_PAUSE
from pipeline.provider.errors import NotSent, ProviderFailed, Refused
from pipeline.provider.port import SpeechResult
from pipeline.speech.models import Take
from pipeline.speech.rules import MAX_CLAIMS, MAX_PAID_ATTEMPTS, TakeState
from pipeline.speech.service import speaking
from tests.integration.runs import do, lines, run, start, states, status
from tests.support.fakes import speech as answer
from tests.support.stage import Stage

BAD_AUDIO = SpeechResult(b"no audio", "audio/wav", answer("x").cost)


def fail_every_line(stage: Stage, error: Any) -> None:
    stage.provider.will_speak(*[error] * 200)


def test_failures_in_a_row_for_one_cause_pause_the_run(stage: Stage) -> None:
    fail_every_line(stage, BAD_AUDIO)
    started = start(stage, lines(60))
    stage.settle_down(10)
    held = status(stage, started)
    assert held["paused"] | {"since": None} == {
        "code": "systemic_failure",
        "message": held["paused"]["message"],
        "hint": f"Mend what is named there, then: callsheet resume {started}",
        "cause": "provider_failed",
        "since": None,
    }
    assert held["takes"]["failed"] == STREAK_TO_PAUSE
    assert len(stage.provider.speech_calls) <= 20
    stage.provider.speeches.clear()
    do(stage, control.resume, started)
    stage.settle_down(3)
    assert (run(stage, started).state, run(stage, started).streak) == (RunState.PARTIAL, 0)
    assert states(stage) == {TakeState.FAILED: STREAK_TO_PAUSE, TakeState.DONE: 60 - STREAK_TO_PAUSE}


def test_without_the_count_line_after_line_fails(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "note_failure", lambda *_: None)
    fail_every_line(stage, NotSent("refused"))
    started = start(stage, lines(8))
    tire(stage)
    stage.settle_down(30)
    assert (run(stage, started).state, states(stage)) == (RunState.PARTIAL, {TakeState.FAILED: 8})


def test_lines_that_fail_without_having_cost_anything_count_as_well(stage: Stage) -> None:
    fail_every_line(stage, NotSent("refused"))
    started = start(stage, lines(8))
    tire(stage)
    stage.settle_down(30)
    assert status(stage, started)["paused"]["cause"] == "not_sent"
    assert states(stage) == {TakeState.FAILED: STREAK_TO_PAUSE, TakeState.READY: 8 - STREAK_TO_PAUSE}


def tire(stage: Stage) -> None:
    """Let each line have used up its tries but one."""
    with stage.edge.write() as session:
        session.execute(update(Take).values(claims=MAX_CLAIMS - 1, attempt=MAX_PAID_ATTEMPTS - 1))


def test_a_line_that_is_spoken_in_between_ends_the_count(stage: Stage) -> None:
    gone = ProviderFailed("internal error")
    stage.provider.will_speak(gone, gone, answer("Line 2."), gone, gone)
    started = start(stage, lines(8))
    tire(stage)
    stage.settle_down(4)
    assert run(stage, started).state is RunState.PARTIAL
    assert states(stage) == {TakeState.FAILED: 4, TakeState.DONE: 4}


def test_refusals_of_single_lines_pause_nothing(stage: Stage) -> None:
    stage.provider.will_speak(*[Refused("not this")] * 5)
    started = start(stage, lines(8))
    stage.settle_down(3)
    assert run(stage, started).state is RunState.PARTIAL
    assert states(stage) == {TakeState.FAILED: 5, TakeState.DONE: 3}


def test_a_provider_that_stays_away_fails_a_few_lines_and_not_all(stage: Stage) -> None:
    fail_every_line(stage, ProviderFailed("internal error"))
    started = start(stage, lines(100))
    stage.settle_down(30)
    held = status(stage, started)
    assert held["paused"]["code"] == "systemic_failure"
    assert held["takes"]["failed"] == STREAK_TO_PAUSE
