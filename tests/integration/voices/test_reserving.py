"""Who pays for a voice, what it waits for, and what stops it before anything is sent."""

from dataclasses import asdict

import pytest
from sqlalchemy import select, update

from pipeline import edge as edges
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account, Budget
from pipeline.provider.port import VoiceResult
from pipeline.references.models import Consent, Reference, ReferenceState
from pipeline.references.rules import altered
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, AttemptState, VoiceState
from tests.integration.voices.attempts import at_once, begin, voice_states
from tests.support import factories
from tests.support.fakes import MODEL, PRICES
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

CAST = ("mara", "bram", "ilse")


def start(stage: Stage, *names: str, cap: int | None = None, ready: bool = True) -> str:
    """Start a run that wants these voices, with a line of each."""
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session), cap=cap)
        for name in names:
            stage.add_recording(name)
            made = factories.voice(session, started, name, ready=ready)
            factories.take(session, started, made, f"This is {name}.")
        return started.id


def again(stage: Stage, run_id: str, name: str, cap: int | None = None) -> str:
    """Start another run of the same account that wants a voice with a line."""
    with stage.edge.write() as session:
        owner = session.get_one(Account, session.get_one(Run, run_id).account_id)
        started = factories.run(session, owner, cap=cap)
        factories.take(session, started, factories.voice(session, started, name), f"{name} once more.")
        return started.id


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)


def budget(stage: Stage, run_id: str) -> Budget:
    with stage.database.read() as session:
        return session.get_one(Budget, run_id)


def test_a_budget_that_does_not_reach_stops_the_run_and_frees_what_is_not_sent(stage: Stage) -> None:
    started = start(stage, *CAST, cap=PRICES.clone_micros + 1_000)
    stage.settle_down(4)
    assert voice_states(stage) == [VoiceState.FAILED] * 3
    assert list(stage.provider.voice_calls) == []
    stopped, purse = run(stage, started), budget(stage, started)
    assert (stopped.state, stopped.reason) == (RunState.STOPPED, "budget_exceeded")
    assert (purse.spent, purse.held, purse.overrun) == (0, 0, 0)
    with stage.database.read() as session:
        lines = session.scalars(select(Take)).all()
    assert {(line.state, line.error_kind) for line in lines} == {(TakeState.BLOCKED, "budget_exceeded")}


def test_what_was_sent_before_the_budget_ended_is_finished_and_kept(stage: Stage) -> None:
    started = start(stage, "mara", cap=PRICES.clone_micros + 10_000)
    stage.hand_on()
    sending = stage.messages.waiting.popleft()
    with stage.edge.write() as session:
        factories.voice(session, session.get_one(Run, started), "bram")

    def stop_meanwhile(_: object) -> VoiceResult:
        stage.work()
        return answer()

    stage.provider.will_make(stop_meanwhile)
    stage.run(*sending)
    stage.settle_down(3)
    assert voice_states(stage) == [VoiceState.READY, VoiceState.FAILED]
    # The voice was paid for: its first words, which keep it, are spoken all the same.
    heard = PRICES.clone_micros + PRICES.speech(MODEL, len(ACTIVATION_LINE))
    assert (run(stage, started).state, budget(stage, started).spent) == (RunState.STOPPED, heard)


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(stage: Stage) -> None:
    started = start(stage, *CAST, cap=PRICES.clone_micros + 100_000)
    stage.settle_down(4)
    with stage.edge.write() as session:
        owner = session.get_one(Account, session.get_one(Run, started).account_id)
        second = factories.run(session, owner).id
        for name in CAST:
            made = factories.voice(session, session.get_one(Run, second), name)
            factories.take(session, session.get_one(Run, second), made, f"This is {name}.")
    stage.settle_down(4)
    assert voice_states(stage) == [VoiceState.READY] * 3
    assert len(stage.provider.voice_calls) == 3
    assert run(stage, second).state is RunState.DONE


def test_a_stopped_run_sends_nothing_more_and_its_money_is_free(stage: Stage) -> None:
    started = start(stage, *CAST)
    stage.hand_on()
    assert budget(stage, started).held == 3 * PRICES.clone_micros
    with stage.edge.write() as session:
        intake.stop_run(session, started, "cancelled")
    stage.settle_down(3)
    assert list(stage.provider.voice_calls) == []
    assert (run(stage, started).state, budget(stage, started).held) == (RunState.STOPPED, 0)
    with stage.database.read() as session:
        assert set(session.scalars(select(Attempt.state))) == {AttemptState.RELEASED}


def test_a_stop_whose_message_is_lost_is_found_by_the_sweeper(stage: Stage) -> None:
    started = start(stage, "mara")
    stage.hand_on()
    with stage.edge.write() as session:
        intake.stop_run(session, started, "cancelled")
    stage.messages.lose_all()
    stage.settle_down(3)
    assert (run(stage, started).state, budget(stage, started).held) == (RunState.STOPPED, 0)


def test_a_run_is_stopped_once_and_keeps_its_first_reason(stage: Stage) -> None:
    started = start(stage, "mara")
    stage.messages.lose_all()
    for reason in ("budget_exceeded", "account_blocked"):
        with stage.edge.write() as session:
            intake.stop_run(session, started, reason)
    assert stage.messages.of("voices.stop_run") == [started]
    assert run(stage, started).reason == "budget_exceeded"


def test_a_voice_waits_for_its_recording_and_holds_nothing(stage: Stage) -> None:
    started = start(stage, "mara", ready=False)
    stage.messages.lose_all()
    with stage.database.read() as session:
        wanted = session.scalars(select(Voice)).one()
    stage.run("voices.reserve", wanted.id)
    assert (voice_states(stage), budget(stage, started).held) == ([VoiceState.WANTED], 0)
    with stage.database.write() as session:
        made = {"normalised_key": f"references/{factories.sha256('mara')}.wav", "normalised_mime": "audio/wav"}
        session.execute(update(Reference).values(state=ReferenceState.READY, **made))
    stage.run("voices.reserve_cloned", wanted.reference_id or "")
    stage.work()
    assert voice_states(stage) == [VoiceState.READY]


@pytest.mark.parametrize("told", ["by its message", "by the sweeper"])
def test_a_refused_recording_fails_its_voice_and_says_what_was_measured(stage: Stage, told: str) -> None:
    started = start(stage, "mara", ready=False)
    stage.messages.lose_all()
    with stage.database.write() as session:
        problem = asdict(altered("f" * 64, "0" * 64))
        session.execute(update(Reference).values(state=ReferenceState.REFUSED, problems=[problem]))
        reference_id = session.scalars(select(Reference.id)).one()
    if told == "by its message":
        stage.run("voices.refuse", reference_id)
    stage.settle_down(3)
    with stage.database.read() as session:
        failed = session.scalars(select(Voice)).one()
        line = session.scalars(select(Take)).one()
    assert (failed.state, failed.problem) == (VoiceState.FAILED, "reference_refused")
    assert "SHA-256 ffffffffffff" in (failed.message or "")
    assert (line.state, line.error_kind) == (TakeState.BLOCKED, "reference_refused")
    assert (run(stage, started).state, budget(stage, started).spent) == (RunState.PARTIAL, 0)


def test_a_consent_withdrawn_before_the_clone_lets_nothing_be_sent(stage: Stage) -> None:
    started = start(stage, "mara")
    with stage.database.write() as session:
        session.execute(update(Consent).values(revoked_at=1))
    stage.settle_down(3)
    with stage.database.read() as session:
        failed = session.scalars(select(Voice)).one()
    assert (failed.state, failed.problem) == (VoiceState.FAILED, "consent_required")
    assert "revoked" in (failed.message or "")
    assert list(stage.provider.voice_calls) == []
    assert run(stage, started).state is RunState.PARTIAL


def test_the_run_that_asked_first_pays(stage: Stage) -> None:
    first = start(stage, "mara")
    second = again(stage, first, "mara", cap=10_000)
    stage.settle_down(3)
    assert budget(stage, first).spent >= PRICES.clone_micros
    assert budget(stage, second).spent < PRICES.clone_micros
    assert run(stage, second).state is RunState.DONE


def test_a_run_takes_over_a_voice_whose_payer_was_stopped(stage: Stage) -> None:
    first = start(stage, "mara")
    stage.messages.lose_all()
    with stage.edge.write() as session:
        intake.stop_run(session, first, "cancelled")
    second = again(stage, first, "mara")
    stage.settle_down(3)
    assert voice_states(stage) == [VoiceState.READY]
    assert budget(stage, second).spent >= PRICES.clone_micros


def test_a_voice_without_lines_is_made_heard_and_only_then_is_the_run_over(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        stage.add_recording()
        factories.voice(session, started)
    stage.sweep()
    assert run(stage, started.id).state is RunState.RUNNING
    stage.settle_down(3)
    assert run(stage, started.id).state is RunState.DONE
    with stage.database.read() as session:
        assert session.scalars(select(Voice)).one().spoke_at is not None


def test_lost_messages_cost_time_only(stage: Stage) -> None:
    started = start(stage, *CAST)
    for _ in range(12):
        stage.messages.lose_all()
        stage.pass_time()
        stage.sweep()
        stage.hand_on()
    stage.settle_down(3)
    assert voice_states(stage) == [VoiceState.READY] * 3
    assert len(stage.provider.voice_calls) == 3
    assert run(stage, started).state is RunState.DONE


def test_each_waiting_row_is_announced_once_however_often_is_swept(stage: Stage) -> None:
    start(stage, *CAST)
    stage.hand_on()
    stage.messages.lose_all()
    stage.pass_time()
    stage.sweep(5)
    assert len(stage.messages.of("voices.make")) == len(CAST)


def test_a_voice_whose_recording_is_being_prepared_is_not_announced(stage: Stage) -> None:
    start(stage, *CAST, ready=False)
    stage.messages.lose_all()
    stage.pass_time()
    stage.sweep(5)
    assert stage.messages.of("voices.reserve") == []
    assert len(stage.messages.of("references.prepare")) == len(CAST)


def test_of_two_workers_that_begin_at_once_one_may_send(stage: Stage) -> None:
    start(stage, "mara")
    stage.hand_on()
    with stage.database.read() as session:
        job = voices.job(session, session.scalars(select(Attempt.id)).one())
    assert job is not None

    claims = at_once([lambda: begin(stage, job)] * 8)
    assert [claim.fence for claim in claims if claim is not None] == [1]


def test_of_many_messages_for_a_voice_one_holds_its_price(stage: Stage) -> None:
    started = start(stage, "mara")
    with stage.database.read() as session:
        wanted = session.scalars(select(Voice.id)).one()
    at_once([lambda: stage.run("voices.reserve", wanted)] * 8)
    assert budget(stage, started).held == PRICES.clone_micros


def test_without_a_permit_nothing_is_claimed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    start(stage, "mara")
    stage.hand_on()
    stage.edge.cool_down(60)
    with monkeypatch.context() as impatient:
        impatient.setattr(edges, "PATIENCE_SECONDS", 0.05)
        stage.hand_on()
    with stage.database.read() as session:
        waiting = session.scalars(select(Attempt)).one()
    assert (waiting.state, waiting.fence) == (AttemptState.RESERVED, 0)
    stage.settle_down(2)
    assert voice_states(stage) == [VoiceState.READY]
