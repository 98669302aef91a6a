"""What a run's status says of its pace and of the limits it is held to."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline import views
from pipeline.db import limits
from pipeline.db.limits import Pace
from pipeline.errors import WasteCapReached
from pipeline.intake.models import Run, RunState
from pipeline.speech import service as speech
from pipeline.speech.rules import TakeState
from pipeline.views.causes import SAID
from pipeline.voices import service as voices
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage


def started(stage: Stage) -> str:
    with stage.edge.write() as session:
        run = factories.run(session, factories.account(session))
        factories.take(session, run, factories.system_voice(session, run), "A line.")
        return run.id


def slowed(session: Session, run_id: str) -> Any:
    return views.run_status(session, session.get_one(Run, run_id))["slowed"]


def test_nothing_is_said_while_the_whole_pace_is_used(stage: Stage) -> None:
    run_id = started(stage)
    with stage.database.read() as session:
        assert slowed(session, run_id) is None


def test_a_refusal_for_speed_is_told_with_what_is_allowed_and_what_is_used(stage: Stage) -> None:
    run_id = started(stage)
    with stage.edge.write() as session:
        limits.cool_down(session, PROVIDER, 30)
        told = slowed(session, run_id)
    assert 25 < told.pop("cooldown_seconds") <= 30
    assert told == {
        "provider": PROVIDER,
        "calls_at_once": 8,
        "calls_per_minute": told["calls_per_minute"],
        "learnt_share": 0.7,
    }


def test_it_is_told_until_the_pace_has_recovered_and_only_of_a_run_that_still_wants_calls(stage: Stage) -> None:
    run_id = started(stage)
    with stage.edge.write() as session:
        session.execute(update(Pace).values(learnt=980))
        assert slowed(session, run_id)["learnt_share"] == 0.98
        session.get_one(Run, run_id).state = RunState.STOPPED
        session.flush()
        assert slowed(session, run_id) is None


def test_what_it_took_to_begin_does_not_make_a_young_run_look_slow(stage: Stage) -> None:
    with stage.edge.write() as session:
        run = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, run)
        takes = [factories.take(session, run, voice, f"Line {number}.") for number in range(10)]
        run.created_at -= 20_000
        session.flush()
        begun = run.created_at + 10_000
        for number, take in enumerate(takes[:6]):
            take.object_key, take.done_at, take.state = f"key{number}", begun + number * 2_000, TakeState.DONE
        session.flush()
        pace = views.run_status(session, run)["takes_per_second"]
    # Five takes in the ten seconds since the first one, and not six in twenty.
    assert pace == pytest.approx(0.5, rel=0.1)


def failed_for(stage: Stage, cause: str, message: str) -> Any:
    """Return the status of a run whose one voice and one take have failed for a cause."""
    with stage.edge.write() as session:
        run = factories.run(session, factories.account(session))
        voice = factories.voice(session, run)
        factories.take(session, run, voice, "A line.")
        voices.fail(session, voice.id, cause, message)
        speech.block_voice(session, voice.id)
        return views.run_status(session, run)


def test_a_voice_that_failed_says_why(stage: Stage) -> None:
    told = failed_for(stage, "reference_refused", "references/mara.wav: 4.0 s")
    assert [(one["problem"], one["message"]) for one in told["voices"]] == [
        ("reference_refused", "references/mara.wav: 4.0 s")
    ]


def test_a_cause_that_is_the_runs_is_told_in_a_sentence(stage: Stage) -> None:
    told = failed_for(stage, WasteCapReached.code, "")
    assert [one["message"] for one in told["failures"]] == [SAID[WasteCapReached.code]]
