"""Voices in a row that could not be had hold their run up before the next one is paid for."""

import pytest

from pipeline import control
from pipeline.intake.rules import STREAK_TO_PAUSE
from pipeline.provider.errors import Ambiguous, Refused, SafeRetry
from pipeline.voices.rules import MAX_ATTEMPTS, VoiceState
from pipeline.voices.service import settling
from tests.integration.runs import do, run, status
from tests.integration.voices.attempts import voice_states, want
from tests.support.databases import on_sqlite
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

NAMES = ("mara", "oswin", "petra", "corin", "brida", "tomas")


def cast(stage: Stage, *names: str) -> str:
    """Want voices in one run, each with a line, and return the run."""
    first = want(stage, names[0])
    for name in names[1:]:
        want(stage, name, run_id=first.run_id)
    return first.run_id


def test_voices_that_nobody_knows_the_fate_of_pause_the_run(stage: Stage) -> None:
    stage.provider.will_make(*[Ambiguous("reset")] * len(NAMES))
    started = cast(stage, *NAMES)
    stage.settle_down(20)
    assert len(stage.provider.voice_calls) == STREAK_TO_PAUSE
    assert voice_states(stage).count(VoiceState.UNCLEAR) == STREAK_TO_PAUSE
    held = status(stage, started)["paused"]
    assert (held["code"], held["cause"]) == ("systemic_failure", "needs_reconcile")
    assert held["message"].startswith("3 voices in a row could not be had for the same reason, needs_reconcile (")
    assert held["hint"] == f"Decide what became of them by callsheet reconcile, then: callsheet resume {started}"


def test_once_it_is_resumed_the_others_are_made_and_counted_anew(stage: Stage) -> None:
    stage.provider.will_make(*[Ambiguous("reset")] * (STREAK_TO_PAUSE + 1))
    started = cast(stage, *NAMES)
    stage.settle_down(20)
    do(stage, control.resume, started)
    stage.settle_down(20)
    assert (run(stage, started).paused_at, len(stage.provider.voice_calls)) == (None, len(NAMES))
    assert voice_states(stage).count(VoiceState.READY) == len(NAMES) - STREAK_TO_PAUSE - 1


@on_sqlite
def test_without_the_count_each_is_paid_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "note_failure", lambda *_: None)
    stage.provider.will_make(*[Ambiguous("reset")] * len(NAMES))
    cast(stage, *NAMES)
    stage.settle_down(20)
    assert len(stage.provider.voice_calls) == len(NAMES)


@on_sqlite
def test_a_voice_that_is_made_in_between_ends_the_count(stage: Stage) -> None:
    gone = Ambiguous("reset")
    stage.provider.will_make(gone, gone, answer("one"), gone, gone)
    started = cast(stage, *NAMES[:5])
    stage.settle_down(20)
    assert run(stage, started).paused_at is None
    assert voice_states(stage).count(VoiceState.UNCLEAR) == 4


@on_sqlite
def test_a_recording_that_is_refused_neither_counts_nor_ends_the_count(stage: Stage) -> None:
    gone, refused = Ambiguous("reset"), Refused("too noisy")
    stage.provider.will_make(gone, refused, refused, refused, gone, gone)
    started = cast(stage, *NAMES, "vera")
    stage.settle_down(20)
    assert status(stage, started)["paused"]["cause"] == "needs_reconcile"
    assert voice_states(stage).count(VoiceState.FAILED) == 3


@on_sqlite
def test_voices_that_were_tried_in_vain_count_once_each(stage: Stage) -> None:
    stage.provider.will_make(*[SafeRetry("nothing was made")] * 99)
    started = cast(stage, *NAMES)
    stage.settle_down(20)
    assert status(stage, started)["paused"]["cause"] == SafeRetry.kind
    assert voice_states(stage).count(VoiceState.FAILED) == STREAK_TO_PAUSE
    assert len(stage.provider.voice_calls) < len(NAMES) * MAX_ATTEMPTS
