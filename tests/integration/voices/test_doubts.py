"""A paid call that may have happened is never repeated, whatever becomes of messages, workers and runs meanwhile."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import HoldState
from pipeline.provider.errors import AccountBlocked, Ambiguous, NotSent, ProviderError, Refused, SafeRetry
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt
from pipeline.voices.rules import MAX_ATTEMPTS, AttemptState, VoiceState
from tests.integration.voices.attempts import (
    Wanted,
    apply_again,
    attempt,
    attempts,
    begin,
    budget,
    hold,
    job_of,
    line,
    send,
    settle,
    voice,
    want,
)
from tests.support import factories
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage
from workers import relay


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    return want(stage)


@pytest.mark.usefixtures("mara")
def test_an_unclear_outcome_is_never_sent_again_whatever_is_swept_and_hinted(stage: Stage) -> None:
    stage.provider.will_make(Ambiguous("reset", raw="<half an answer>"))
    stage.settle_down(3)
    doubted = attempt(stage)
    for _ in range(3):
        stage.run("voices.make", doubted.id)
        stage.run("voices.reserve", doubted.voice_id)
        stage.settle_down(2)
    assert len(stage.provider.voice_calls) == 1
    assert doubted.evidence == "<half an answer>"
    assert (attempt(stage).state, voice(stage).state) == (AttemptState.OPERATOR, VoiceState.UNCLEAR)


def test_while_the_evidence_is_looked_for_the_lines_wait_and_the_run_goes_on(stage: Stage, mara: Wanted) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, lateness_seconds=120.0)
    stage.provider.will_make(Ambiguous("reset"))
    stage.work()
    stage.sweep(3)
    assert (attempt(stage).state, voice(stage).state) == (AttemptState.AMBIGUOUS, VoiceState.MAKING)
    assert (voice(stage).problem, line(stage).state) == ("outcome_unknown", TakeState.WAITING)
    assert budget(stage, mara.run_id).held == PRICES.clone_micros
    with stage.database.read() as session:
        assert session.get_one(Run, mara.run_id).state is RunState.RUNNING


def test_another_run_does_not_make_what_is_in_doubt_or_unclear(stage: Stage, mara: Wanted) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, lateness_seconds=120.0)
    stage.provider.will_make(Ambiguous("reset"))
    stage.work()
    apply_again(stage, mara)
    stage.work()
    assert line(stage).state is TakeState.WAITING
    stage.settle_down(2)
    apply_again(stage, mara)
    assert (line(stage).state, line(stage).error_kind) == (TakeState.BLOCKED, "needs_reconcile")
    stage.settle_down(3)
    assert len(stage.provider.voice_calls) == 1


def test_what_waits_for_a_person_holds_its_money_and_blocks_its_lines(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.settle_down(3)
    assert (line(stage).state, line(stage).error_kind) == (TakeState.BLOCKED, "needs_reconcile")
    assert budget(stage, mara.run_id).held == PRICES.clone_micros
    with stage.database.read() as session:
        assert session.get_one(Run, mara.run_id).state is RunState.PARTIAL


def test_what_is_unclear_is_listed_for_its_account_alone(stage: Stage, mara: Wanted) -> None:
    stage.provider.abilities = replace(stage.provider.abilities, lateness_seconds=120.0)
    stage.provider.will_make(Ambiguous("reset"))
    stage.work()
    with stage.edge.write() as session:
        other = factories.account(session)
    seen = []
    for _ in range(2):
        with stage.database.read() as session:
            (listed,) = voices.unclear(session, mara.account_id)
            seen.append(listed.state)
            assert voices.unclear(session, other.id) == []
        stage.settle_down(2)
    assert seen == [AttemptState.AMBIGUOUS, AttemptState.OPERATOR]


@pytest.mark.usefixtures("mara")
@pytest.mark.parametrize("end", ["the worker dies", "the lease is over"])
def test_a_sent_attempt_whose_claim_ends_is_in_doubt(stage: Stage, end: str) -> None:
    send(stage)
    stage.sweep()
    assert attempt(stage).state is AttemptState.SENDING
    if end == "the worker dies":
        stage.kill_worker()
    else:
        stage.pass_time()
    stage.sweep(2)
    doubted = attempt(stage)
    assert (doubted.state, doubted.error_kind) == (AttemptState.AMBIGUOUS, "lease_lapsed")
    # Who was only not heard of may still be about to send: nobody has seen that sender end.
    assert doubted.sender_ended == (end == "the worker dies")
    assert (doubted.holder, doubted.lease_until is None) == (None, False)
    assert set(stage.messages.of("voices.reconcile")) == {doubted.id}
    assert voice(stage).state is VoiceState.MAKING
    assert list(stage.provider.voice_calls) == []


@pytest.mark.usefixtures("mara")
def test_a_sweeper_that_had_to_wait_for_the_database_takes_nobody_for_dead(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(stage)
    stage.kill_worker()
    with monkeypatch.context() as waiting:
        waiting.setattr(relay, "LONGEST_WAIT_SECONDS", 0)
        stage.sweep()
    assert attempt(stage).state is AttemptState.SENDING
    stage.sweep()
    assert attempt(stage).state is AttemptState.AMBIGUOUS


@pytest.mark.usefixtures("mara")
def test_settling_twice_records_once(stage: Stage) -> None:
    claim = send(stage)
    settle(stage, claim, answer("stage_1"))
    settle(stage, claim, answer("stage_1"))
    settle(stage, claim, Ambiguous("and again"))
    settle(stage, claim, Refused("and again"))
    found = attempt(stage)
    assert (found.state, found.error_kind, found.fence) == (AttemptState.SUCCEEDED, None, 1)
    assert hold(stage, found.id).state is HoldState.SETTLED


@pytest.mark.usefixtures("mara")
@pytest.mark.parametrize("stale", [NotSent("late"), Refused("late"), Ambiguous("late")], ids=lambda error: error.kind)
def test_a_claim_of_before_changes_nothing_of_the_one_after(stage: Stage, stale: ProviderError) -> None:
    first = send(stage)
    settle(stage, first, NotSent("refused"))
    with stage.edge.write() as session:
        session.execute(update(Attempt).values(not_before=0))
    second = begin(stage, job_of(stage, first.attempt_id))
    assert second is not None
    settle(stage, first, stale)
    found = attempt(stage)
    assert (found.state, found.fence, found.sender_ended) == (AttemptState.SENDING, 2, 0)
    settle(stage, second, answer())
    assert attempt(stage).state is AttemptState.SUCCEEDED


def test_an_attempt_put_back_for_a_run_that_was_stopped_is_given_up(stage: Stage, mara: Wanted) -> None:
    claim = send(stage)
    with stage.edge.write() as session:
        intake.stop_run(session, mara.run_id, "cancelled")
    settle(stage, claim, NotSent("dns"))
    stage.settle_down(3)
    assert attempt(stage).state is AttemptState.RELEASED
    assert budget(stage, mara.run_id).held == 0


def test_an_attempt_proven_undone_for_a_run_that_was_stopped_is_not_made_anew(stage: Stage, mara: Wanted) -> None:
    claim = send(stage)
    with stage.edge.write() as session:
        intake.stop_run(session, mara.run_id, "cancelled")
    settle(stage, claim, SafeRetry("nothing was made"))
    stage.settle_down(3)
    assert [made.state for made in attempts(stage)] == [AttemptState.RELEASED]
    assert voice(stage).state is VoiceState.FAILED


def test_a_blocked_account_counts_no_try_of_a_voice(stage: Stage, mara: Wanted) -> None:
    blocked = [AccountBlocked("401", http_status=401) for _ in range(MAX_ATTEMPTS)]
    stage.provider.will_make(*blocked, SafeRetry("nothing was made"))
    stage.settle_down()
    assert voice(stage).state is VoiceState.READY
    assert len(stage.provider.voice_calls) == MAX_ATTEMPTS + 2
    assert budget(stage, mara.run_id).held == 0
