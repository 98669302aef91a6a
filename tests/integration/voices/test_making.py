"""From the wish to the voice: what is committed when, and what each ending of the paid call leaves behind."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from pipeline.db import limits
from pipeline.db.clock import now_ms
from pipeline.intake.models import Run, RunState
from pipeline.ledger import provider_account
from pipeline.ledger.models import Account, Budget, Hold, HoldState, Transfer, TransferKind
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
from pipeline.provider.port import CloneRequest, DesignRequest, VoiceResult
from pipeline.references.models import Reference, ReferenceState
from pipeline.storage.port import StorageError
from pipeline.voices import service as voices
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, AttemptState, VoiceKind, VoiceState, designed_key
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import BALANCE, PRICES, PROVIDER, tone
from tests.support.fakes import voice as answer
from tests.support.stage import Stage

PAYMENT_REQUIRED = 402


@pytest.fixture
def mara(stage: Stage) -> str:
    """A voice that is wanted by a run, its recording ready."""
    stage.add_recording()
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        return factories.voice(session, started).id


@dataclass(frozen=True)
class Found:
    """What the database says after a call."""

    voice: Voice
    attempt: Attempt
    hold: Hold
    run: Run


def look(stage: Stage, voice_id: str) -> Found:
    with stage.database.read() as session:
        attempt = session.scalars(select(Attempt).order_by(Attempt.id.desc())).first()
        assert attempt is not None
        return Found(
            session.get_one(Voice, voice_id),
            attempt,
            session.get_one(Hold, attempt.id),
            session.get_one(Run, attempt.run_id),
        )


def make_once(stage: Stage) -> None:
    """Reserve, and let the one call be made."""
    stage.hand_on()
    stage.hand_on()


def test_a_voice_is_made_owned_and_charged_in_one(stage: Stage, mara: str) -> None:
    stage.work()
    found = look(stage, mara)
    assert (found.voice.state, found.voice.provider_voice_id) == (VoiceState.READY, "stage_0001")
    assert (found.attempt.state, found.attempt.provider_voice_id) == (AttemptState.SUCCEEDED, "stage_0001")
    assert found.attempt.evidence == '{"voice_id": "stage_0001"}'
    assert found.hold.state is HoldState.SETTLED
    with stage.database.read() as session:
        paid = session.scalars(select(Transfer).where(Transfer.kind == TransferKind.CLONE)).one()
    assert (paid.amount, paid.attempt, paid.subject) == (PRICES.clone_micros, found.attempt.id, mara)


@pytest.mark.usefixtures("mara")
def test_an_answer_that_names_another_voices_id_goes_to_a_person_and_charges_nothing(stage: Stage) -> None:
    stage.work()
    stage.provider.will_make(answer("stage_0001"))
    stage.add_recording("bram")
    with stage.edge.write() as session:
        second = factories.voice(session, factories.run(session, factories.account(session)), "bram").id
    make_once(stage)
    found = look(stage, second)
    assert (found.voice.state, found.attempt.state) == (VoiceState.UNCLEAR, AttemptState.OPERATOR)
    assert found.attempt.evidence == '{"voice_id": "stage_0001"}'
    assert "stage_0001" in (found.attempt.error or "")
    assert found.hold.state is HoldState.OPEN


@pytest.mark.usefixtures("mara")
def test_the_claim_is_committed_before_the_first_byte(stage: Stage) -> None:
    seen: list[Attempt] = []

    def look_while_calling(_: CloneRequest | DesignRequest) -> VoiceResult:
        with stage.database.read() as session:
            seen.append(session.scalars(select(Attempt)).one())
            assert (seen[0].lease_until or 0) > (session.scalar(select(now_ms())) or 0)
        return answer()

    stage.provider.will_make(look_while_calling)
    stage.work()
    (sent,) = seen
    assert (sent.state, sent.fence, sent.holder) == (AttemptState.SENDING, 1, stage.edge.holder)
    assert sent.balance_before == BALANCE
    assert sent.sent_at is not None


@on_sqlite
def test_the_request_carries_the_recording_and_a_token_of_the_attempt(stage: Stage, mara: str) -> None:
    stage.work()
    (request,) = stage.provider.voice_calls
    assert isinstance(request, CloneRequest)
    assert request.reference.read() == tone()
    assert (request.mime, request.filename, request.model) == ("audio/wav", "reference.wav", "stage-clone")
    assert request.label == f"mara~{look(stage, mara).attempt.id[-8:]}"


@on_sqlite
def test_a_balance_that_cannot_be_had_keeps_nobody_from_calling(stage: Stage, mara: str) -> None:
    stage.provider.balance = ProviderFailed("away")
    stage.work()
    assert look(stage, mara).attempt.balance_before is None
    assert look(stage, mara).voice.state is VoiceState.READY


def test_a_voice_is_designed_by_the_same_protocol_at_its_own_price(stage: Stage) -> None:
    wish = voices.WantedVoice(
        key=designed_key("A weary knight.", "male", None),
        kind=VoiceKind.DESIGNED,
        label="knight",
        model="stage-design",
        description="A weary knight.",
        gender="male",
    )
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        made = voices.want(session, account_id=started.account_id, provider=PROVIDER, run_id=started.id, wanted=wish)
    stage.work()
    assert look(stage, made.id).voice.state is VoiceState.READY
    (request,) = stage.provider.voice_calls
    assert isinstance(request, DesignRequest)
    assert (request.description, request.gender, request.preview_text) == ("A weary knight.", "male", ACTIVATION_LINE)
    with stage.database.read() as session:
        paid = session.scalars(select(Transfer).where(Transfer.kind == TransferKind.DESIGN)).one()
    assert paid.amount == PRICES.design_micros


def test_the_first_words_of_a_new_voice_are_kept_as_its_audition(stage: Stage, mara: str) -> None:
    stage.work()
    assert list(stage.provider.spoken) == [ACTIVATION_LINE]
    assert look(stage, mara).voice.spoke_at is not None


@on_sqlite
@pytest.mark.parametrize(
    ("charged", "source", "spent"),
    [(1_990_000, "provider", 1_990_000), (None, "estimate", PRICES.clone_micros), (3_000_000, "provider", 3_000_000)],
)
def test_the_providers_own_figure_is_booked(
    stage: Stage, mara: str, charged: int | None, source: str, spent: int
) -> None:
    stage.provider.will_make(answer(charged=charged))
    stage.work()
    with stage.database.read() as session:
        paid = session.scalars(select(Transfer).where(Transfer.subject == mara)).one()
    assert (paid.amount, paid.source) == (spent, source)


ENDINGS: list[tuple[ProviderError, AttemptState, VoiceState, HoldState]] = [
    (NotSent("refused"), AttemptState.RESERVED, VoiceState.MAKING, HoldState.OPEN),
    (RateLimited("slow down", retry_after=7), AttemptState.RESERVED, VoiceState.MAKING, HoldState.OPEN),
    (SafeRetry("nothing was made"), AttemptState.RELEASED, VoiceState.WANTED, HoldState.RELEASED),
    (Refused("no such format"), AttemptState.REJECTED, VoiceState.FAILED, HoldState.RELEASED),
    (ContentBlocked("not this name"), AttemptState.REJECTED, VoiceState.FAILED, HoldState.RELEASED),
    (AccountBlocked("no credit"), AttemptState.REJECTED, VoiceState.WANTED, HoldState.RELEASED),
    # In doubt: its lines wait until the evidence or a person decides.
    (ProviderFailed("500"), AttemptState.AMBIGUOUS, VoiceState.MAKING, HoldState.OPEN),
    (Ambiguous("reset"), AttemptState.AMBIGUOUS, VoiceState.MAKING, HoldState.OPEN),
    (VoiceGone("404"), AttemptState.AMBIGUOUS, VoiceState.MAKING, HoldState.OPEN),
    (ProviderError("something new"), AttemptState.AMBIGUOUS, VoiceState.MAKING, HoldState.OPEN),
]


@on_sqlite
@pytest.mark.parametrize(("error", "attempt", "voice", "hold"), ENDINGS, ids=lambda value: type(value).__name__)
def test_each_ending_leaves_its_state_and_its_money(
    stage: Stage, mara: str, error: ProviderError, attempt: AttemptState, voice: VoiceState, hold: HoldState
) -> None:
    stage.provider.will_make(error)
    make_once(stage)
    found = look(stage, mara)
    assert (found.attempt.state, found.voice.state, found.hold.state) == (attempt, voice, hold)
    assert found.attempt.error_kind == error.kind
    assert found.attempt.lease_until is None
    assert stage.failures == [error]
    assert (found.run.state, found.run.reason) == (RunState.RUNNING, None)
    with stage.database.read() as session:
        assert provider_account.is_blocked(session, PROVIDER) == isinstance(error, AccountBlocked)


def test_what_was_not_sent_is_put_off_and_sent_again_by_the_same_attempt(stage: Stage, mara: str) -> None:
    stage.provider.will_make(NotSent("refused"))
    make_once(stage)
    put_off = look(stage, mara).attempt
    stage.run("voices.make", put_off.id)
    assert len(stage.provider.voice_calls) == 1, "a message that comes too early sends nothing"
    stage.settle_down(2)
    found = look(stage, mara)
    assert (found.attempt.id, found.attempt.fence) == (put_off.id, 2)
    assert found.voice.state is VoiceState.READY
    assert found.voice.message is None


def test_a_call_refused_for_speed_holds_everybody_back(stage: Stage, mara: str) -> None:
    stage.provider.will_make(RateLimited("slow down", retry_after=70))
    make_once(stage)
    with stage.database.read() as session:
        now = session.scalar(select(now_ms())) or 0
        assert look(stage, mara).attempt.not_before > now + 60_000
    with stage.database.read() as session:
        assert limits.wait_place_ms(session, PROVIDER) > 60_000


def test_what_provably_did_not_happen_is_tried_three_times(stage: Stage, mara: str) -> None:
    stage.provider.will_make(*(SafeRetry("nothing was made") for _ in range(9)))
    stage.settle_down(3)
    assert len(stage.provider.voice_calls) == 3
    assert look(stage, mara).voice.state is VoiceState.FAILED
    with stage.database.read() as session:
        states = session.scalars(select(Attempt.state)).all()
    assert states == [AttemptState.RELEASED] * 3


def test_a_voice_that_failed_is_made_by_the_next_run_that_wants_it(stage: Stage, mara: str) -> None:
    stage.provider.will_make(Refused("no"))
    stage.settle_down(2)
    with stage.edge.write() as session:
        owner = session.get_one(Account, session.get_one(Voice, mara).account_id)
        next_run = factories.run(session, owner)
        assert factories.voice(session, next_run).id == mara
    stage.settle_down(2)
    assert look(stage, mara).voice.state is VoiceState.READY
    assert look(stage, mara).attempt.run_id == next_run.id


@pytest.mark.parametrize(("status", "block"), [(401, "provider_key"), (402, "provider_funds")])
def test_a_refused_account_is_waited_for_and_then_the_voice_is_made_by_a_new_attempt(
    stage: Stage, mara: str, status: int, block: str
) -> None:
    stage.provider.will_make(AccountBlocked("no", http_status=status))
    stage.provider.balance = PRICES.clone_micros - 1 if status == PAYMENT_REQUIRED else AccountBlocked("no")
    stage.settle_down(3)
    found = look(stage, mara)
    assert (found.voice.state, found.voice.problem) == (VoiceState.WANTED, block)
    assert (found.run.state, found.run.reason) == (RunState.RUNNING, None)
    assert (found.attempt.state, len(stage.provider.voice_calls)) == (AttemptState.REJECTED, 1)
    with stage.database.read() as session:
        assert session.get_one(Budget, found.run.id).held == 0
    stage.provider.balance = BALANCE
    stage.settle_down(3)
    found = look(stage, mara)
    assert (found.voice.state, found.voice.problem, found.run.state) == (VoiceState.READY, None, RunState.DONE)
    assert len(stage.provider.voice_calls) == 2


def test_a_recording_gone_from_the_bucket_frees_the_money_and_is_prepared_anew_by_the_next_run(
    stage: Stage, mara: str
) -> None:
    stage.store.delete(f"references/{factories.sha256('mara')}.wav")
    stage.settle_down(2)
    found = look(stage, mara)
    assert (found.voice.state, found.voice.problem) == (VoiceState.FAILED, "reference_lost")
    assert (found.attempt.state, found.hold.state) == (AttemptState.RELEASED, HoldState.RELEASED)
    assert "apply again" in (found.voice.message or "")
    assert list(stage.provider.voice_calls) == []
    with stage.edge.write() as session:
        owner = session.get_one(Account, found.voice.account_id)
        factories.voice(session, factories.run(session, owner), ready=False)
        reference = session.scalars(select(Reference)).one()
        assert (reference.state, reference.problems) == (ReferenceState.RECEIVED, [])
    assert stage.messages.of("references.prepare") == [found.voice.reference_id]


def test_a_bucket_that_is_away_keeps_a_voice_waiting_and_not_failed(
    stage: Stage, mara: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> bytes:
        raise StorageError("away")

    stage.hand_on()
    with monkeypatch.context() as outage:
        outage.setattr(stage.store, "get", away)
        with pytest.raises(StorageError):
            stage.hand_on()
    assert look(stage, mara).attempt.state is AttemptState.RESERVED
    stage.settle_down(3)
    assert look(stage, mara).voice.state is VoiceState.READY
