"""A paid call that may have happened is never repeated, and what is learnt of it late is kept."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select, update

from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account, Budget
from pipeline.provider.errors import Ambiguous, NotSent, ProviderError, Refused
from pipeline.provider.port import VoiceResult
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState
from tests.support import factories
from tests.support.fakes import PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import TIMEOUT_SECONDS, Stage
from workers import relay


@dataclass(frozen=True)
class Wanted:
    """A wanted voice and one line of it."""

    run_id: str
    voice_id: str
    account_id: str


@pytest.fixture
def mara(stage: Stage) -> Wanted:
    stage.add_recording()
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        made = factories.voice(session, started)
        factories.take(session, started, made)
        return Wanted(started.id, made.id, started.account_id)


def attempt(stage: Stage) -> Attempt:
    with stage.database.read() as session:
        return session.scalars(select(Attempt)).one()


def voice(stage: Stage) -> Voice:
    with stage.database.read() as session:
        return session.scalars(select(Voice)).one()


def send(stage: Stage) -> tuple[voices.Job, voices.Claim]:
    """Reserve and claim the attempt, as a worker does before its call."""
    stage.hand_on()
    with stage.database.read() as session:
        job = voices.job(session, attempt(stage).id)
    assert job is not None
    with stage.edge.write() as session:
        claim = voices.begin(session, job, holder=stage.edge.holder, timeout=TIMEOUT_SECONDS, balance=None)
    assert claim is not None
    return job, claim


def settle(stage: Stage, claim: voices.Claim, outcome: VoiceResult | ProviderError) -> None:
    with stage.edge.write() as session:
        voices.settle(session, claim, outcome)


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
    assert voice(stage).state is VoiceState.UNCLEAR


def test_another_run_does_not_make_what_is_unclear(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.settle_down(2)
    with stage.edge.write() as session:
        again = factories.run(session, session.get_one(Account, mara.account_id))
        made = factories.voice(session, again)
        blocked = factories.take(session, again, made, "And who are you?")
        assert (blocked.state, blocked.error_kind) == (TakeState.BLOCKED, "needs_reconcile")
    stage.settle_down(3)
    assert len(stage.provider.voice_calls) == 1


def test_an_unclear_outcome_holds_its_money_and_blocks_its_lines(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.settle_down(3)
    with stage.database.read() as session:
        line = session.scalars(select(Take)).one()
        assert session.get_one(Budget, mara.run_id).held == PRICES.clone_micros
        assert session.get_one(Run, mara.run_id).state is RunState.PARTIAL
    assert (line.state, line.error_kind) == (TakeState.BLOCKED, "needs_reconcile")


@pytest.mark.usefixtures("mara")
def test_after_the_quiescence_a_person_decides(stage: Stage) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.work()
    stage.sweep()
    assert attempt(stage).state is AttemptState.AMBIGUOUS
    stage.pass_time()
    stage.sweep()
    assert attempt(stage).state is AttemptState.OPERATOR


def test_what_waits_for_a_person_is_listed_for_its_account_alone(stage: Stage, mara: Wanted) -> None:
    stage.provider.will_make(Ambiguous("reset"))
    stage.work()
    with stage.edge.write() as session:
        other = factories.account(session)
    for _ in range(2):
        with stage.database.read() as session:
            assert [row.id for row in voices.unclear(session, mara.account_id)] == [attempt(stage).id]
            assert voices.unclear(session, other.id) == []
        stage.pass_time()
        stage.sweep()


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
    assert voice(stage).state is VoiceState.UNCLEAR
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
@pytest.mark.parametrize(
    ("late", "kept"),
    [(answer("stage_late"), "stage_late"), (Refused("no", raw="too long"), "too long"), (NotSent("dns"), "not_sent")],
)
def test_an_answer_that_comes_too_late_is_kept_as_evidence(
    stage: Stage, late: VoiceResult | ProviderError, kept: str
) -> None:
    _, claim = send(stage)
    stage.kill_worker()
    stage.sweep()
    settle(stage, claim, late)
    found = attempt(stage)
    assert (found.state, found.error_kind) == (AttemptState.AMBIGUOUS, "late_answer")
    assert kept in (found.evidence or "")
    assert voice(stage).state is VoiceState.UNCLEAR


@pytest.mark.usefixtures("mara")
def test_settling_twice_records_once(stage: Stage) -> None:
    _, claim = send(stage)
    settle(stage, claim, answer("stage_1"))
    settle(stage, claim, answer("stage_1"))
    settle(stage, claim, Ambiguous("and again"))
    found = attempt(stage)
    assert (found.state, found.error_kind, found.fence) == (AttemptState.SUCCEEDED, None, 1)


@pytest.mark.usefixtures("mara")
def test_a_claim_of_before_changes_nothing_of_the_one_after(stage: Stage) -> None:
    job, first = send(stage)
    settle(stage, first, NotSent("refused"))
    with stage.edge.write() as session:
        session.execute(update(Attempt).values(not_before=0))
        second = voices.begin(session, job, holder=stage.edge.holder, timeout=TIMEOUT_SECONDS, balance=None)
    assert second is not None
    settle(stage, first, Refused("late"))
    assert attempt(stage).state is AttemptState.SENDING
    settle(stage, second, answer())
    assert attempt(stage).state is AttemptState.SUCCEEDED
