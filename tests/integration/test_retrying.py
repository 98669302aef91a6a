"""A retry makes what failed, and nothing that exists."""

import pytest
from sqlalchemy import func, select

from pipeline.errors import Conflict
from pipeline.intake.models import Run, RunState
from pipeline.provider.errors import Refused
from pipeline.speech.rules import TakeState
from pipeline.voices.models import Voice
from tests.integration.runs import cancel_lines, drawn, lines, retry, run, start, states, status
from tests.support import factories
from tests.support.factories import Sheet
from tests.support.stage import Stage


def test_a_retry_makes_what_failed_and_nothing_that_exists(stage: Stage) -> None:
    stage.provider.will_speak(Refused("not today"), Refused("not today"))
    first = start(stage, lines(5))
    stage.settle_down(2)
    shown = drawn(stage, first)
    assert (shown["lines"], shown["causes"], shown["total_micros"]) == (2, {"refused": 2}, 1400)
    second = retry(stage, first, agreed=shown["digest"])
    stage.settle_down(2)
    assert states(stage) == {TakeState.DONE: 5}
    assert len(stage.provider.speech_calls) == 7
    ended = status(stage, second)
    assert (ended["state"], ended["takes"]["total"], ended["spent_micros"]) == ("done", 2, 1400)
    with pytest.raises(Conflict, match="left to retry"):
        retry(stage, first)


def test_a_retry_is_for_the_causes_and_lines_that_are_named(stage: Stage) -> None:
    stage.provider.will_speak(Refused("not today"), Refused("not today"))
    first = start(stage, lines(6))
    cancel_lines(stage, first, ids=["line_6"])
    stage.settle_down(2)
    assert drawn(stage, first)["causes"] == {"refused": 2}
    assert drawn(stage, first, causes=["cancelled"])["causes"] == {"cancelled": 1}
    assert drawn(stage, first, ids=["line_6"])["lines"] == 1
    assert drawn(stage, first, causes=["provider_failed"])["lines"] == 0
    retry(stage, first, causes=["cancelled"])
    stage.settle_down(2)
    assert states(stage) == {TakeState.FAILED: 2, TakeState.DONE: 4}


def test_a_retry_makes_a_voice_that_failed_at_its_price(stage: Stage) -> None:
    stage.add_recording()
    with stage.edge.write() as session:
        factories.reference(session, owner := factories.account(session), "mara")
    stage.provider.will_make(Refused("not this"))
    first = start(stage, Sheet().cloned("mara").says("mara", "Halt!"), owner.id)
    stage.settle_down(2)
    assert run(stage, first).state is RunState.PARTIAL
    shown = drawn(stage, first)
    assert (shown["voices"], shown["lines"]) == (1, 1)
    second = retry(stage, first)
    stage.settle_down(2)
    ended = status(stage, second)
    assert (ended["state"], ended["spent_micros"]) == ("done", shown["total_micros"])
    with stage.database.read() as session:
        assert session.scalars(select(Voice.state)).all() == ["ready"]


def test_a_retry_that_is_not_the_one_agreed_to_starts_nothing(stage: Stage) -> None:
    stage.provider.will_speak(Refused("not today"))
    first = start(stage, lines(2))
    stage.settle_down(2)
    with pytest.raises(Conflict, match="has changed"):
        retry(stage, first, agreed="0" * 64)
    with stage.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1
