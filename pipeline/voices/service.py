"""Voices are made once: intent and hold, one POST, then voice, owner and charge in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import PurePosixPath

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.errors import BudgetExceeded
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.provider.errors import MESSAGE_LIMIT, ProviderError
from pipeline.provider.port import CloneRequest, DesignRequest, Prices, VoiceProvider, VoiceResult
from pipeline.references.models import Reference, ReferenceState
from pipeline.storage.port import ObjectStore
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import (
    ACTIVATION_LINE,
    MAX_ATTEMPTS,
    AttemptState,
    VoiceKind,
    VoiceState,
    attempt_label,
    subject,
    verdict,
)

LEASE_MARGIN_SECONDS = 60
RETRY_SECONDS = 5.0
HINT_MS = 5_000
"""What has not been taken up for this long is announced again: its message is lost."""
QUIESCENCE_MS = 15 * 60_000
"""Longer than a sender may pause, plus its HTTP timeout: then nothing more can land, and a person decides."""


@dataclass(frozen=True)
class WantedVoice:
    """A voice a production needs, described by what it is made of."""

    key: str
    kind: VoiceKind
    label: str
    model: str = ""
    reference_id: str | None = None
    consent_id: str | None = None
    provider_voice_id: str | None = None
    description: str | None = None
    gender: str | None = None
    age_group: str | None = None


@dataclass(frozen=True)
class Job:
    """An attempt about to be sent: what is asked of the provider, and with which recording."""

    id: str
    kind: VoiceKind
    model: str
    label: str
    object_key: str | None
    mime: str
    description: str
    gender: str | None
    age_group: str | None


@dataclass(frozen=True)
class Claim:
    """The right to send one attempt once."""

    attempt_id: str
    fence: int


def find(session: Session, account_id: str, provider: str, key: str) -> Voice | None:
    """Return the account's voice made of `key`."""
    mine = (Voice.account_id == account_id, Voice.provider == provider, Voice.key == key)
    return session.scalar(select(Voice).where(*mine))


def want(session: Session, *, account_id: str, provider: str, run_id: str, wanted: WantedVoice) -> Voice:
    """Ask for a voice on a run's money. One that is ready, in the making or unclear is left as it is."""
    voice = find(session, account_id, provider, wanted.key) or _new_voice(session, account_id, provider, wanted)
    if voice.state in {VoiceState.WANTED, VoiceState.FAILED}:
        voice.state, voice.problem, voice.message = VoiceState.WANTED, None, None
        voice.run_id, voice.consent_id = run_id, wanted.consent_id
        emit(session, "voice.wanted", voice.id)
    session.flush()
    return voice


def reserve(session: Session, voice_id: str, *, prices: Prices) -> None:
    """Commit the intent to make a voice and hold its price; `voice.failed` where that cannot be."""
    voice = session.get(Voice, voice_id)
    if voice is None or voice.state is not VoiceState.WANTED or not voice.run_id:
        return
    reference = session.get(Reference, voice.reference_id) if voice.reference_id else None
    if reference is not None and reference.state is ReferenceState.REFUSED:
        fail(session, voice_id, "reference_refused", _refusal(reference))
    elif reference is None or reference.state is ReferenceState.READY:
        _reserve(session, voice, prices)


def reserve_cloned(session: Session, reference_id: str, *, prices: Prices) -> None:
    """Do the same for every voice that waits for this reference."""
    waiting = (Voice.reference_id == reference_id, Voice.state == VoiceState.WANTED)
    for voice_id in session.scalars(select(Voice.id).where(*waiting)).all():
        reserve(session, voice_id, prices=prices)


def job(session: Session, attempt_id: str) -> Job | None:
    """Return what a reserved attempt asks for, or None where there is nothing to send."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.state is not AttemptState.RESERVED:
        return None
    voice = session.get_one(Voice, attempt.voice_id)
    reference = session.get_one(Reference, voice.reference_id) if voice.reference_id else None
    return Job(
        id=attempt.id,
        kind=attempt.kind,
        model=attempt.model,
        label=attempt.label,
        object_key=reference.normalised_key if reference else None,
        mime=reference.normalised_mime or "" if reference else "",
        description=voice.description or "",
        gender=voice.gender,
        age_group=voice.age_group,
    )


def recording(store: ObjectStore, job: Job) -> bytes:
    """Fetch the normalised reference of an attempt; nothing of it may fail once the attempt is being sent."""
    return store.get(job.object_key) if job.object_key else b""


def balance(provider: VoiceProvider) -> int | None:
    """Return the provider account's balance before a paid call, as evidence; None where it cannot be had."""
    if not provider.capabilities().reports_balance:
        return None
    try:
        return provider.account().balance_micros
    except ProviderError:
        return None


def begin(session: Session, job: Job, *, holder: str, timeout: float, balance: int | None) -> Claim | None:
    """Claim a reserved attempt: once this is committed, and not before, the request may be sent."""
    attempt = session.get_one(Attempt, job.id)
    if intake.is_stopped(session, attempt.run_id):
        return None
    states = (AttemptState.RESERVED, AttemptState.SENDING)
    lease = timeout + LEASE_MARGIN_SECONDS
    claimed = leases.claim(session, Attempt, job.id, holder=holder, seconds=lease, state=states)
    if claimed is None:
        return None
    session.execute(update(Attempt).where(Attempt.id == job.id).values(sent_at=now_ms(), balance_before=balance))
    return Claim(claimed.id, claimed.fence)


def call(provider: VoiceProvider, job: Job, recording: bytes) -> VoiceResult | ProviderError:
    """Send the one POST of an attempt and return its outcome, whatever it is."""
    try:
        if job.kind is VoiceKind.DESIGNED:
            return provider.design_voice(_design_request(job))
        return provider.create_voice(_clone_request(job, recording))
    except ProviderError as error:
        return error


def settle(session: Session, claim: Claim, outcome: VoiceResult | ProviderError) -> None:
    """Record the outcome of a sent attempt: voice, owner and charge in this one transaction."""
    attempt = session.get_one(Attempt, claim.attempt_id, populate_existing=True)
    if isinstance(outcome, VoiceResult):
        _succeed(session, attempt, claim, outcome)
    else:
        _miss(session, attempt, claim, outcome)


def fail(session: Session, voice_id: str, problem: str, message: str) -> None:
    """Say why a voice cannot be had; its lines stop."""
    _set(session, voice_id, VoiceState.FAILED, problem, message)
    emit(session, "voice.failed", voice_id)


def refuse(session: Session, reference_id: str) -> None:
    """Fail every voice that waits for a recording that was refused."""
    reference = session.get_one(Reference, reference_id)
    waiting = (Voice.reference_id == reference_id, Voice.state == VoiceState.WANTED)
    for voice_id in session.scalars(select(Voice.id).where(*waiting)).all():
        fail(session, voice_id, "reference_refused", _refusal(reference))


def stop_run(session: Session, run_id: str) -> None:
    """Give up what a stopped run has not sent: its money is free again, its voices wait for the next run."""
    reason = session.get_one(Run, run_id).reason or "run_stopped"
    for attempt in session.scalars(
        select(Attempt).where(Attempt.run_id == run_id, Attempt.state == AttemptState.RESERVED)
    ).all():
        giving_up = update(Attempt).where(Attempt.id == attempt.id, Attempt.state == AttemptState.RESERVED)
        if leases.rowcount(session, giving_up.values(state=AttemptState.RELEASED, settled_at=now_ms())):
            ledger.release(session, attempt.id)
            fail(session, attempt.voice_id, reason, "The run was stopped before it was sent.")
    unsent = (Voice.run_id == run_id, Voice.state == VoiceState.WANTED)
    for voice_id in session.scalars(select(Voice.id).where(*unsent)).all():
        fail(session, voice_id, reason, "The run was stopped before it was its turn.")
    emit(session, "run.voices_stopped", run_id)


def lose(session: Session, voice_id: str, message: str) -> None:
    """Flag a voice the provider no longer speaks with; it was paid for, so only a person may have it made again."""
    flagged = update(Voice).where(Voice.id == voice_id)
    session.execute(flagged.values(problem="voice_gone", message=message[:MESSAGE_LIMIT]))
    emit(session, "voice.failed", voice_id)


def unclear(session: Session, account_id: str) -> Sequence[Attempt]:
    """Return the account's attempts that wait for evidence or for a person, oldest first."""
    states = [state for state in AttemptState if state.is_unclear()]
    query = select(Attempt).where(Attempt.account_id == account_id, Attempt.state.in_(states))
    return session.scalars(query.order_by(Attempt.id)).all()


def sweep(session: Session) -> None:
    """Move on what has stood still: lapsed sends become ambiguous, old doubts go to a person, lost messages again."""
    for attempt in session.scalars(
        select(Attempt).where(Attempt.state == AttemptState.SENDING, leases.lapsed(Attempt))
    ).all():
        _doubt(session, attempt, Claim(attempt.id, attempt.fence), "lease_lapsed", "the worker that sent it is gone")
    session.execute(
        update(Attempt)
        .where(Attempt.state == AttemptState.AMBIGUOUS, Attempt.settled_at < now_ms() - QUIESCENCE_MS)
        .values(state=AttemptState.OPERATOR)
    )
    due = (Attempt.state == AttemptState.RESERVED, Attempt.not_before <= now_ms(), _stale(Attempt.created_at))
    for attempt_id in session.scalars(select(Attempt.id).where(*due)):
        emit(session, "attempt.reserved", attempt_id)
    for voice_id in session.scalars(select(Voice.id).where(Voice.state == VoiceState.WANTED, _stale(Voice.created_at))):
        emit(session, "voice.wanted", voice_id)

    for run_id in session.scalars(select(Run.id).where(Run.state == RunState.RUNNING, Run.reason.is_not(None))):
        emit(session, "run.stopped", run_id)


def _stale(since: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return since < now_ms() - HINT_MS


def _new_voice(session: Session, account_id: str, provider: str, wanted: WantedVoice) -> Voice:
    ready = wanted.provider_voice_id is not None
    voice = Voice(
        id=new_id("voice"),
        account_id=account_id,
        provider=provider,
        state=VoiceState.READY if ready else VoiceState.WANTED,
        **asdict(wanted),
    )
    session.add(voice)
    return voice


def _reserve(session: Session, voice: Voice, prices: Prices) -> None:
    price = prices.design_micros if voice.kind is VoiceKind.DESIGNED else prices.clone_micros
    attempt_id = new_id("try")
    try:
        ledger.hold(session, account_id=voice.account_id, run_id=voice.run_id or "", attempt=attempt_id, amount=price)
    except BudgetExceeded as error:
        intake.stop_run(session, voice.run_id or "", error.code)
        fail(session, voice.id, error.code, error.message)
        return
    session.add(_attempt(voice, attempt_id, price))
    voice.state = VoiceState.MAKING
    session.flush()
    emit(session, "attempt.reserved", attempt_id)


def _attempt(voice: Voice, attempt_id: str, price: int) -> Attempt:
    return Attempt(
        id=attempt_id,
        account_id=voice.account_id,
        voice_id=voice.id,
        kind=voice.kind,
        provider=voice.provider,
        model=voice.model,
        subject=subject(voice.key),
        price=price,
        label=attempt_label(voice.label, attempt_id),
        run_id=voice.run_id,
    )


def _clone_request(job: Job, recording: bytes) -> CloneRequest:
    suffix = PurePosixPath(job.object_key or "").suffix
    return CloneRequest(BytesIO(recording), f"reference{suffix}", job.mime, job.label, job.model)


def _design_request(job: Job) -> DesignRequest:
    return DesignRequest(
        job.description, job.label, job.model, preview_text=ACTIVATION_LINE, gender=job.gender, age_group=job.age_group
    )


def _succeed(session: Session, attempt: Attempt, claim: Claim, made: VoiceResult) -> None:
    settled = leases.settle(
        session,
        Attempt,
        claim.attempt_id,
        claim.fence,
        state=AttemptState.SUCCEEDED,
        provider_voice_id=made.provider_voice_id,
        evidence=made.raw,
        settled_at=now_ms(),
    )
    if not settled:
        _keep_late_answer(session, attempt, made)
        return
    kind = TransferKind.DESIGN if attempt.kind is VoiceKind.DESIGNED else TransferKind.CLONE
    payment = ledger.Payment(kind, attempt.provider, made.cost.charged_micros, attempt.voice_id)
    ledger.settle(session, attempt.id, payment)
    ready = update(Voice).where(Voice.id == attempt.voice_id)
    session.execute(ready.values(state=VoiceState.READY, provider_voice_id=made.provider_voice_id, problem=None))
    emit(session, "voice.ready", attempt.voice_id)


def _keep_late_answer(session: Session, attempt: Attempt, made: VoiceResult) -> None:
    # The doubt about this attempt was recorded first; its answer is evidence for whoever resolves it, never dropped.
    late = f"late answer: {made.raw}"
    session.execute(update(Attempt).where(Attempt.id == attempt.id).values(evidence=late, error_kind="late_answer"))


def _miss(session: Session, attempt: Attempt, claim: Claim, error: ProviderError) -> None:
    judged = verdict(error.kind)
    if judged.state is AttemptState.AMBIGUOUS:
        _doubt(session, attempt, claim, error.kind, error.message, error.raw)
        return
    values: dict[str, object] = {"state": judged.state, "error_kind": error.kind, "error": error.message}
    if judged.state is AttemptState.RESERVED:
        values["not_before"] = now_ms() + int((error.retry_after or RETRY_SECONDS) * 1000)
    else:
        values["settled_at"] = now_ms()
    if not leases.settle(session, Attempt, claim.attempt_id, claim.fence, **values):
        return
    if judged.state is not AttemptState.RESERVED:
        ledger.release(session, attempt.id)
        _after_refusal(session, attempt, error, again=judged.again)
    if judged.stops_account:
        intake.stop_run(session, attempt.run_id, error.kind)


def _after_refusal(session: Session, attempt: Attempt, error: ProviderError, *, again: bool) -> None:
    tries = session.scalar(
        select(func.count()).where(Attempt.voice_id == attempt.voice_id, Attempt.run_id == attempt.run_id)
    )
    if again and (tries or 0) < MAX_ATTEMPTS:
        _set(session, attempt.voice_id, VoiceState.WANTED, error.kind, error.message)
        emit(session, "voice.wanted", attempt.voice_id)
    else:
        fail(session, attempt.voice_id, error.kind, error.message)


def _doubt(session: Session, attempt: Attempt, claim: Claim, kind: str, message: str, raw: str = "") -> None:
    doubted = leases.settle(
        session,
        Attempt,
        claim.attempt_id,
        claim.fence,
        state=AttemptState.AMBIGUOUS,
        error_kind=kind,
        error=message,
        evidence=raw or None,
        settled_at=now_ms(),
    )
    if doubted:
        _set(session, attempt.voice_id, VoiceState.UNCLEAR, "needs_reconcile", message)
        emit(session, "voice.failed", attempt.voice_id)


def _set(session: Session, voice_id: str, state: VoiceState, problem: str, message: str) -> None:
    voice = update(Voice).where(Voice.id == voice_id)
    session.execute(voice.values(state=state, problem=problem, message=message[:MESSAGE_LIMIT]))


def _refusal(reference: Reference) -> str:
    told = (f"{problem.get('measured')} (allowed: {problem.get('allowed')})" for problem in reference.problems)
    return f"{reference.filename}: {'; '.join(told)}"
