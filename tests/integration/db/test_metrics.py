"""What an operator is shown agrees with the rows, and says nothing of whose they are."""

from collections.abc import Mapping

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline import metrics
from pipeline.db import leases, limits
from pipeline.db.clock import now_ms
from pipeline.db.leases import Instance
from pipeline.intake.models import Run
from pipeline.ledger import provider_account
from pipeline.ledger.provider_account import Block
from pipeline.provider.errors import ProviderFailed, Refused
from pipeline.speech.models import Take
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState
from tests.integration.voices.attempts import want
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import Stage

AN_HOUR_MS = 3_600_000


def shown(stage: Stage) -> Mapping[str, Mapping[tuple[str, ...], float]]:
    with stage.database.read() as session:
        return {reading.family.name: dict(reading.samples) for reading in metrics.snapshot(session)}


def test_a_database_without_rows_shows_every_metric(stage: Stage) -> None:
    found = shown(stage)
    assert list(found) == [family.name for family in metrics.FAMILIES]
    assert found["callsheet_takes"][("done",)] == 0
    assert found["callsheet_rows_due"] == {("speech",): 0, ("voices",): 0, ("references",): 0}
    assert found["callsheet_oldest_due_seconds"] == {(): 0}


def test_a_production_that_was_made_is_shown_in_counts_and_in_dollars(stage: Stage) -> None:
    want(stage)
    stage.sweep()
    stage.settle_down()
    found = shown(stage)
    assert found["callsheet_takes"][("done",)] == found["callsheet_transfers_total"][("speech",)] == 2
    assert found["callsheet_transfers_total"][("clone",)] == 1
    assert found["callsheet_runs"] == {("running",): 0, ("done",): 1, ("partial",): 0, ("stopped",): 0}
    assert found["callsheet_voices"][("ready",)] == 1
    assert found["callsheet_spent_dollars"][(PROVIDER,)] == pytest.approx(2.1, abs=0.02)
    assert found["callsheet_held_dollars"][(PROVIDER,)] == 0


def test_takes_are_due_once_their_pause_is_over_and_while_nobody_holds_their_run_up(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        for number in range(3):
            factories.take(session, started, voice, f"Line {number}.")
        later = session.query(Take).first()
        assert later is not None
        later.not_before = later.created_at + AN_HOUR_MS
        session.flush()
        session.execute(update(Take).values(created_at=Take.created_at - 60_000))
    found = shown(stage)
    assert found["callsheet_rows_due"][("speech",)] == 2
    assert found["callsheet_oldest_due_seconds"][()] == pytest.approx(60, abs=10)
    with stage.edge.write() as session:
        session.execute(update(Run).values(paused_at=now_ms()))
    found = shown(stage)
    assert (found["callsheet_rows_due"][("speech",)], found["callsheet_runs_paused"][()]) == (0, 1)
    assert found["callsheet_oldest_due_seconds"][()] == 0


def test_failures_are_counted_by_their_cause(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        for text in ("One.", "Two."):
            factories.take(session, started, voice, text)
    stage.provider.will_speak(Refused("no"), Refused("no"))
    stage.sweep()
    stage.settle_down()
    assert shown(stage)["callsheet_takes_failed"] == {("refused",): 2}


def test_causes_beyond_counting_are_counted_together(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_CAUSES", 1)
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        for text in ("One.", "Two.", "Three."):
            factories.take(session, started, voice, text)
        for number, take in enumerate(session.query(Take)):
            take.state, take.error_kind = "failed", "refused" if number else "odd"  # type: ignore[assignment]
    assert shown(stage)["callsheet_takes_failed"] == {("refused",): 2, ("other",): 1}


def test_limits_breaker_and_cooldown_are_shown(stage: Stage) -> None:
    with stage.edge.write() as session:
        limits.draw(session, PROVIDER, holder=stage.edge.holder, seconds=60, characters=[0])
        limits.cool_down(session, PROVIDER, 30)
        provider_account.note_account(session, PROVIDER, 7_500_000, None)
        provider_account.block(session, PROVIDER, kind=Block.KEY, message="no", needs=0)
        allowed = limits.state(session, PROVIDER)
    assert allowed is not None
    found = shown(stage)
    assert found["callsheet_limit_slots"][(PROVIDER,)] == 8
    assert found["callsheet_limit_learnt_share"][(PROVIDER,)] == 0.7
    assert found["callsheet_limit_calls_per_minute"][(PROVIDER,)] == pytest.approx(allowed.per_minute * 0.7 * 0.95)
    assert found["callsheet_limit_slots_taken"][(PROVIDER,)] == 1
    assert 25 < found["callsheet_limit_cooldown_seconds"][(PROVIDER,)] <= 30
    assert found["callsheet_balance_dollars"][(PROVIDER,)] == 7.5
    assert found["callsheet_breaker_open"][(PROVIDER, Block.KEY)] == 1
    assert found["callsheet_breaker_open"][(PROVIDER, Block.FUNDS)] == 0


def test_doubts_show_their_age(stage: Stage) -> None:
    want(stage)
    stage.provider.will_make(ProviderFailed("reset"))
    stage.sweep()
    stage.work()
    with stage.edge.write() as session:
        doubted = {"state": AttemptState.AMBIGUOUS, "doubted_at": now_ms() - AN_HOUR_MS, "lease_until": None}
        session.execute(update(Attempt).values(**doubted))
    assert shown(stage)["callsheet_oldest_doubt_seconds"][()] == pytest.approx(3600, abs=10)


def test_workers_and_sweepers_are_told_apart_and_the_silent_are_not_counted(stage: Stage) -> None:
    def alive() -> Mapping[tuple[str, ...], float]:
        return shown(stage)["callsheet_processes_alive"]

    with stage.edge.write() as session:
        leases.join(session, leases.SWEEPER)
    assert alive() == {("worker",): 1, ("sweeper",): 1}
    with stage.edge.write() as session:
        age(session, leases.DEAD_AFTER_MS + 1_000)
    assert alive() == {("worker",): 0, ("sweeper",): 1}
    with stage.edge.write() as session:
        age(session, leases.SWEEPER_MISSED_MS)
    assert alive() == {("worker",): 0, ("sweeper",): 0}


def age(session: Session, millis: int) -> None:
    session.execute(update(Instance).values(beat_at=Instance.beat_at - millis))


def test_no_label_names_an_account_a_row_or_a_word_of_the_script(stage: Stage) -> None:
    wanted = want(stage, "mara")
    stage.sweep()
    stage.settle_down()
    values = {value for samples in shown(stage).values() for labels in samples for value in labels}
    assert all(len(value) <= 24 for value in values)
    assert not [value for value in values if wanted.account_id in value or "mara" in value.lower() or "_01" in value]
