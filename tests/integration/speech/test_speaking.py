"""One take, from its message to its audio: what each ending leaves in the row, in the bucket and on the books."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from pipeline.db import limits
from pipeline.delivery import Delivery
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Budget, HoldState
from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    ContentBlocked,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)
from pipeline.provider.port import SpeechRequest, SpeechResult
from pipeline.references.models import Consent
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import KEPT_ON_DISK, MAX_CLAIMS, TakeState, object_key
from pipeline.storage.port import StoreUnavailable
from pipeline.voices.models import Voice
from tests.integration.speech.takes import PRICE, TEXT, asked, begin, budget, claim, holds, look, run_of, transfers
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import CAPABILITIES, PRICES
from tests.support.fakes import speech as answer
from tests.support.stage import TIMEOUT_SECONDS, Stage


def test_a_take_is_spoken_stored_and_charged(stage: Stage, take: str) -> None:
    stage.work()
    done = look(stage, take)
    assert done.state is TakeState.DONE
    assert done.object_key == object_key(done.account_id, done.fingerprint, "wav")
    stored = stage.store.head(done.object_key)
    assert stored is not None
    assert stored.metadata["attempt"] == f"{take}#1"
    assert stored.metadata["cost-micros"] == str(PRICE)
    assert (done.size, done.sha256, done.content_type) == (stored.size, stored.metadata["sha256"], "audio/wav")
    assert (done.cost, done.chars) == (PRICE, len(TEXT))
    assert done.seconds == pytest.approx(0.1)
    (paid,) = transfers(stage)
    assert (paid.amount, paid.attempt, paid.subject, paid.chars) == (PRICE, f"{take}#1", take, len(TEXT))
    assert run_of(stage, take).state is RunState.DONE


@on_sqlite
def test_the_request_says_what_shapes_the_sound(stage: Stage, take: str) -> None:
    stage.work()
    (request,) = stage.provider.speech_calls
    asked = look(stage, take)
    assert request == SpeechRequest(asked.model, TEXT, "narrator", "wav", Delivery(speed=1.0))


@on_sqlite
def test_audio_whose_price_nobody_told_is_kept_at_the_estimate(stage: Stage, take: str) -> None:
    stage.provider.will_speak(answer(TEXT, charged=None))
    stage.work()
    done = look(stage, take)
    assert (done.state, done.cost) == (TakeState.DONE, PRICE)
    assert transfers(stage)[0].source == "estimate"


def test_a_message_twice_speaks_once(stage: Stage, take: str) -> None:
    for _ in range(3):
        stage.run("speech.speak", take)
    assert len(stage.provider.speech_calls) == 1


def test_of_two_workers_at_once_one_speaks(stage: Stage, take: str) -> None:
    job, ready = asked(stage, take), threading.Barrier(8)

    def try_to_begin() -> speech.Claim | None:
        ready.wait()
        return begin(stage, job)

    with ThreadPoolExecutor(8) as threads:
        claims = [done.result(timeout=60) for done in [threads.submit(try_to_begin) for _ in range(8)]]
    assert [claimed.fence for claimed in claims if claimed is not None] == [1]
    assert budget(stage, take).held == PRICE


def test_of_two_messages_claimed_in_one_transaction_one_speaks(stage: Stage, take: str) -> None:
    job = asked(stage, take)
    with stage.edge.write() as session:
        claims = speech.begin(session, [job, job], stage.edge.holder, TIMEOUT_SECONDS)
    assert claims == [speech.Claim(1), None]
    assert budget(stage, take).held == PRICE


def test_an_attempt_that_is_settled_twice_in_one_transaction_is_paid_once(stage: Stage, take: str) -> None:
    job, claimed = claim(stage, take)
    ended = speech.Ended(job, claimed, speech.Stored(3, "0" * 64, "audio/wav", 0.1, PRICE, len(TEXT)))
    with stage.edge.write() as session:
        speech.settle(session, [ended, ended])
    assert (look(stage, take).cost, budget(stage, take).spent, budget(stage, take).held) == (PRICE, PRICE, 0)


def test_a_claim_that_is_taken_back_leaves_nothing_behind(stage: Stage, take: str) -> None:
    job, claimed = claim(stage, take)
    for _ in range(2):  # the second time it is another's, or nobody's
        with stage.edge.write() as session:
            speech.give_up(session, job, claimed)
    row = look(stage, take)
    assert (row.state, row.claims, row.attempt, row.holder) == (TakeState.DISPATCHED, 0, 0, None)
    assert (budget(stage, take).held, holds(stage)) == (0, [HoldState.RELEASED])
    stage.work()
    assert look(stage, take).state is TakeState.DONE


def test_a_claim_that_is_taken_back_wastes_nothing(stage: Stage, take: str) -> None:
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.id == take).values(error_kind=KEPT_ON_DISK, attempt=1))
    for _ in range(3):
        job, claimed = claim(stage, take)
        assert run_of(stage, take).wasted == 1  # what lies on another machine's disk is spoken again here
        with stage.edge.write() as session:
            speech.give_up(session, job, claimed)
        assert run_of(stage, take).wasted == 0


def test_the_claim_and_its_hold_are_committed_before_the_call(stage: Stage, take: str) -> None:
    seen = []

    def look_while_calling(request: SpeechRequest) -> SpeechResult:
        seen.append((look(stage, take).state, budget(stage, take).held))
        return answer(request.text)

    stage.provider.will_speak(look_while_calling)
    stage.work()
    assert seen == [(TakeState.SPEAKING, PRICE)]


ENDINGS: list[tuple[ProviderError, TakeState, int, HoldState]] = [
    (NotSent("refused"), TakeState.READY, 0, HoldState.RELEASED),
    (RateLimited("slow down", retry_after=2), TakeState.READY, 0, HoldState.RELEASED),
    (SafeRetry("nothing was made"), TakeState.READY, 0, HoldState.RELEASED),
    (Refused("no such model"), TakeState.FAILED, 0, HoldState.RELEASED),
    (ContentBlocked("not this text"), TakeState.FAILED, 0, HoldState.RELEASED),
    (VoiceGone("404"), TakeState.BLOCKED, 0, HoldState.RELEASED),
    (AccountBlocked("402"), TakeState.READY, 0, HoldState.RELEASED),
    (ProviderFailed("500"), TakeState.READY, 1, HoldState.OPEN),
    (ProviderFailed("unusable", charged_micros=70), TakeState.READY, 1, HoldState.SETTLED),
    (Ambiguous("reset"), TakeState.READY, 1, HoldState.OPEN),
    (ProviderError("something new"), TakeState.READY, 1, HoldState.OPEN),
]


@on_sqlite
@pytest.mark.parametrize(
    ("error", "state", "paid", "hold"), ENDINGS, ids=lambda value: str(value) if isinstance(value, Exception) else None
)
def test_each_ending_leaves_its_state_and_its_money(
    stage: Stage, take: str, error: ProviderError, state: TakeState, paid: int, hold: HoldState
) -> None:
    stage.provider.will_speak(error)
    stage.hand_on()
    ended = look(stage, take)
    assert (ended.state, ended.attempt, ended.error_kind) == (state, paid, error.kind)
    assert (ended.lease_until, ended.holder) == (None, None)
    assert holds(stage) == [hold]
    assert sum(transfer.amount for transfer in transfers(stage)) == (error.charged_micros or 0)
    assert [str(failure) for failure in stage.failures] == [error.kind]


@on_sqlite
def test_an_answer_that_is_no_audio_is_charged_and_asked_for_again(stage: Stage, take: str) -> None:
    stage.provider.will_speak(answer(TEXT, audio=b'{"error": "sorry"}'), answer(TEXT, audio=b""))
    stage.settle_down(3)
    done = look(stage, take)
    assert (done.state, done.attempt, done.cost) == (TakeState.DONE, 2, 3 * PRICE)


@on_sqlite
def test_a_call_refused_for_speed_holds_everybody_back(stage: Stage, take: str) -> None:
    stage.provider.will_speak(RateLimited("slow down", retry_after=70))
    stage.hand_on()
    with stage.database.read() as session:
        told = limits.state(session, "stage")
    assert told is not None
    assert told.cooldown_seconds > 60
    assert told.learnt_share < 1
    assert look(stage, take).not_before > look(stage, take).created_at + 60_000


def test_at_most_three_attempts_are_paid_for(stage: Stage, take: str) -> None:
    stage.provider.will_speak(*(Ambiguous("reset") for _ in range(9)))
    stage.settle_down(6)
    failed = look(stage, take)
    assert (failed.state, failed.attempt, failed.error_kind) == (TakeState.FAILED, 3, "ambiguous")
    assert len(stage.provider.speech_calls) == 3
    assert run_of(stage, take).state is RunState.PARTIAL


def test_doubts_are_booked_at_the_estimate_when_the_take_is_over(stage: Stage, take: str) -> None:
    stage.provider.will_speak(Ambiguous("reset"), ProviderFailed("500"))
    stage.hand_on()
    assert (budget(stage, take).held, budget(stage, take).spent) == (PRICE, 0)
    stage.settle_down(3)
    assert look(stage, take).cost == 3 * PRICE
    assert [paid.source for paid in transfers(stage)].count("estimate") == 2
    assert (budget(stage, take).held, budget(stage, take).spent) == (0, 3 * PRICE)


@on_sqlite
def test_what_cost_nothing_is_tried_often_but_not_for_ever(stage: Stage, take: str) -> None:
    stage.provider.will_speak(*(NotSent("refused") for _ in range(3 * MAX_CLAIMS)))
    stage.settle_down(MAX_CLAIMS + 5)
    failed = look(stage, take)
    assert (failed.state, failed.error_kind, failed.cost) == (TakeState.FAILED, "not_sent", 0)
    assert len(stage.provider.speech_calls) == MAX_CLAIMS


def test_a_lost_voice_blocks_its_lines_and_is_flagged(stage: Stage, take: str) -> None:
    with stage.edge.write() as session:
        started = session.get_one(Run, session.get_one(Take, take).run_id)
        other = factories.take(session, started, session.scalars(select(Voice)).one(), "Another line.").id
    stage.provider.will_speak(VoiceGone("404 no such voice"))
    stage.settle_down(3)
    assert look(stage, take).state is look(stage, other).state is TakeState.BLOCKED
    assert look(stage, other).error_kind == "voice_gone"
    with stage.database.read() as session:
        assert session.scalars(select(Voice.problem)).one() == "voice_gone"
    assert len(stage.provider.speech_calls) == 1


def test_a_budget_that_ends_stops_the_run_before_the_call(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session), cap=PRICE + PRICE // 2)
        voice = factories.system_voice(session, started)
        takes = [factories.take(session, started, voice, TEXT[:-1] + mark).id for mark in "?!."]
        speech.dispatch(session, "stage")
    stage.settle_down(3)
    states = [look(stage, take_id).state for take_id in takes]
    assert sorted(states) == [TakeState.BLOCKED, TakeState.BLOCKED, TakeState.DONE]
    assert len(stage.provider.speech_calls) == 1
    assert run_of(stage, takes[0]).reason == "budget_exceeded"


def test_a_consent_withdrawn_after_the_plan_keeps_the_line_unspoken(stage: Stage) -> None:
    stage.add_recording()
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.voice(session, started)
        line = factories.take(session, started, voice, TEXT).id
    stage.hand_on()
    stage.hand_on()
    with stage.database.write() as session:
        session.execute(update(Consent).values(revoked_at=1))
    stage.settle_down(3)
    blocked = look(stage, line)
    assert (blocked.state, blocked.error_kind) == (TakeState.BLOCKED, "consent_required")
    assert "revoked" in (blocked.error or "")
    assert TEXT not in stage.provider.spoken
    assert run_of(stage, line).state is RunState.PARTIAL


def test_audio_that_lies_in_the_bucket_is_adopted_and_nothing_is_paid(stage: Stage, take: str) -> None:
    row = look(stage, take)
    key = object_key(row.account_id, row.fingerprint, "wav")
    stage.store.put(key, b"audio", content_type="audio/wav", metadata={"seconds": "2.5", "sha256": "ab"})
    stage.work()
    done = look(stage, take)
    assert (done.state, done.cost, done.seconds, done.size, done.sha256) == (TakeState.DONE, 0, 2.5, 5, "ab")
    assert list(stage.provider.speech_calls) == []
    assert run_of(stage, take).state is RunState.DONE


@on_sqlite
def test_an_outage_of_the_bucket_before_the_call_costs_nothing(
    stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.store, "head", _raise)
    with pytest.raises(StoreUnavailable):
        stage.run("speech.speak", take)
    monkeypatch.undo()
    assert list(stage.provider.speech_calls) == []
    stage.settle_down(3)
    assert (look(stage, take).state, look(stage, take).cost) == (TakeState.DONE, PRICE)


def test_the_price_of_a_charge_above_the_estimate_is_booked_whatever_the_cap(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session), cap=PRICE)
        factories.take(session, started, factories.system_voice(session, started), TEXT)
        speech.dispatch(session, "stage")
    stage.provider.will_speak(answer(TEXT, charged=PRICE + 500))
    stage.work()
    with stage.database.read() as session:
        purse = session.get_one(Budget, started.id)
    assert (purse.spent, purse.overrun, purse.held) == (PRICE, 500, 0)


def test_prices_are_what_the_tests_think() -> None:
    assert PRICES.speech(CAPABILITIES.speech_models[0], len(TEXT)) == PRICE


def _raise(*_: object, **__: object) -> None:
    raise StoreUnavailable("the bucket is away")
