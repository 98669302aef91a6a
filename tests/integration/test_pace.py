"""How long the rest of a run takes: spoken is not over where the quality gate has yet to hear it."""

import pytest
from sqlalchemy import select, update

from pipeline.db.clock import now_ms
from pipeline.intake.models import Run
from pipeline.intake.rules import QualitySettings
from pipeline.speech.models import Take
from pipeline.speech.rules import HearingState
from pipeline.views import pace
from tests.integration.runs import lines, start, status
from tests.support.databases import on_sqlite
from tests.support.stage import Stage


def spoken(stage: Stage, *, heard: int, due: int) -> str:
    """A run that spoke all of its takes two minutes ago; `heard` of them were heard since, one in two seconds."""
    started = start(stage, lines(heard + due), quality=QualitySettings())
    stage.work()
    with stage.edge.write() as session:
        now = session.scalar(select(now_ms())) or 0
        session.execute(update(Run).values(created_at=now - 200_000))
        for number, take in enumerate(session.scalars(select(Take).order_by(Take.id))):
            behind = heard - number
            take.done_at = now - 120_000 + number
            take.heard_at = now - (behind - 1) * 2_000 if behind > 0 else None
            take.hearing = None if behind > 0 else HearingState.HEARING if behind == 0 else HearingState.DUE
            take.lease_until = now + 60_000 if behind == 0 else None
        session.execute(update(Run).values(state="running", closed_at=None))
    return started


def test_what_is_spoken_and_not_heard_yet_counts(stage: Stage) -> None:
    now = status(stage, spoken(stage, heard=4, due=6))
    assert (now["takes"]["open"], now["heard"]["due"], now["takes_per_second"]) == (0, 6, 0.0)
    assert now["eta_seconds"] == pytest.approx(12, rel=0.1)


@on_sqlite
def test_without_what_is_to_hear_a_run_would_seem_to_be_at_its_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = spoken(stage, heard=4, due=6)
    monkeypatch.setattr(pace, "_hearing_pace", lambda *_: 1e9)
    assert status(stage, started)["eta_seconds"] == pytest.approx(0, abs=0.01)


@on_sqlite
def test_nothing_is_guessed_before_anything_was_heard(stage: Stage) -> None:
    assert status(stage, spoken(stage, heard=0, due=3))["eta_seconds"] is None


@on_sqlite
def test_however_many_wait_the_last_that_were_heard_tell_the_pace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SAMPLE", 4)
    assert status(stage, spoken(stage, heard=4, due=6))["eta_seconds"] == pytest.approx(12, rel=0.1)
