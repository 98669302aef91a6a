"""Whoever sweeps, stops or hands over waits for nobody who is at a row: else two could wait for each other."""

from collections.abc import Callable

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState
from tests.integration.voices.attempts import Wanted, apply_again, attempt, send, voice, want
from tests.support.stage import Stage

on_postgresql = pytest.mark.parametrize("maker", ["postgresql"], indirect=True)
"""SQLite has one writer at a time."""

pytestmark = on_postgresql


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


def while_somebody_is_at(
    stage: Stage, row: type[Attempt | Voice], row_id: str, act: Callable[[Session], object]
) -> None:
    """Act in a second transaction while a first one has locked a row; waiting for it is an error."""
    with stage.database.write() as first:
        first.get_one(row, row_id, with_for_update=True)
        with stage.edge.write() as second:
            second.execute(text("SET LOCAL lock_timeout = '500ms'"))
            act(second)


def stop(stage: Stage, run_id: str) -> None:
    with stage.edge.write() as session:
        intake.stop_run(session, run_id, "cancelled")
    stage.messages.lose_all()


def test_a_stop_leaves_an_attempt_that_somebody_is_at_to_the_next_sweep(stage: Stage, mara: Wanted) -> None:
    stage.hand_on()
    stop(stage, mara.run_id)
    while_somebody_is_at(stage, Attempt, attempt(stage).id, lambda session: voices.stop_run(session, mara.run_id))
    assert attempt(stage).state is AttemptState.RESERVED
    stage.sweep()
    stage.work()
    assert attempt(stage).state is AttemptState.RELEASED


def test_a_stop_leaves_a_voice_that_somebody_is_at_to_the_next_sweep(stage: Stage, mara: Wanted) -> None:
    stop(stage, mara.run_id)
    while_somebody_is_at(stage, Voice, mara.voice_id, lambda session: voices.stop_run(session, mara.run_id))
    assert voice(stage).state is VoiceState.WANTED
    stage.sweep()
    stage.work()
    assert voice(stage).state is VoiceState.FAILED


@pytest.mark.usefixtures("mara")
def test_a_sweep_leaves_a_lapsed_attempt_that_is_being_settled_alone(stage: Stage) -> None:
    claim = send(stage)
    with stage.database.write() as session:
        session.execute(update(Attempt).values(lease_until=1))
    while_somebody_is_at(stage, Attempt, claim.attempt_id, voices.sweep)
    assert attempt(stage).state is AttemptState.SENDING
    stage.sweep()
    assert attempt(stage).state is AttemptState.AMBIGUOUS


def test_a_voice_that_somebody_is_at_is_handed_to_nobody(stage: Stage, mara: Wanted) -> None:
    other = apply_again(stage, mara)
    stop(stage, mara.run_id)
    with stage.edge.write() as session:
        voices.stop_run(session, mara.run_id)
    while_somebody_is_at(stage, Voice, mara.voice_id, lambda session: voices.hand_over(session, mara.voice_id, other))
    assert voice(stage).state is VoiceState.FAILED


def test_control_whoever_writes_to_a_row_that_somebody_is_at_does_wait(stage: Stage, mara: Wanted) -> None:
    with pytest.raises(OperationalError, match="lock timeout"):
        while_somebody_is_at(
            stage, Voice, mara.voice_id, lambda session: session.execute(update(Voice).values(message="mine"))
        )
