"""A voice is made once: one POST, then voice, owner and charge in one transaction."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.intake import service as intake
from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.provider.errors import ProviderError
from pipeline.provider.port import CloneRequest, DesignRequest, VoiceProvider, VoiceResult
from pipeline.references.models import Reference
from pipeline.storage.port import ObjectStore
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, MAX_ATTEMPTS, AttemptState, VoiceKind, VoiceState, verdict
from pipeline.voices.service.marking import fail, mark

LEASE_MARGIN_SECONDS = 60
RETRY_SECONDS = 5.0


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


def job(session: Session, attempt_id: str) -> Job | None:
    """Return what a reserved attempt asks for, or None where there is nothing to send."""
    due = (Attempt.id == attempt_id, Attempt.state == AttemptState.RESERVED, Attempt.not_before <= now_ms())
    attempt = session.scalar(select(Attempt).where(*due))
    if attempt is None:
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


def doubt(session: Session, attempt: Attempt, claim: Claim, kind: str, message: str, raw: str = "") -> None:
    """Record that a sent attempt may have happened; its money stays held."""
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
        mark(session, attempt.voice_id, VoiceState.UNCLEAR, "needs_reconcile", message)
        emit(session, "voice.failed", attempt.voice_id)


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
        _keep_late_answer(session, attempt, made.raw)
        return
    kind = TransferKind.DESIGN if attempt.kind is VoiceKind.DESIGNED else TransferKind.CLONE
    payment = ledger.Payment(kind, attempt.provider, made.cost.charged_micros, attempt.voice_id)
    ledger.settle(session, attempt.id, payment)
    ready = update(Voice).where(Voice.id == attempt.voice_id)
    session.execute(
        ready.values(state=VoiceState.READY, provider_voice_id=made.provider_voice_id, problem=None, message=None)
    )
    emit(session, "voice.ready", attempt.voice_id)


def _keep_late_answer(session: Session, attempt: Attempt, raw: str) -> None:
    # The doubt about this attempt was recorded first; its answer is evidence for whoever resolves it, never dropped.
    doubted = update(Attempt).where(Attempt.id == attempt.id, Attempt.state != AttemptState.SUCCEEDED)
    session.execute(doubted.values(evidence=f"late answer: {raw}", error_kind="late_answer"))


def _miss(session: Session, attempt: Attempt, claim: Claim, error: ProviderError) -> None:
    judged = verdict(error.kind)
    if judged.state is AttemptState.AMBIGUOUS:
        doubt(session, attempt, claim, error.kind, error.message, error.raw)
        return
    values: dict[str, object] = {"state": judged.state, "error_kind": error.kind, "error": error.message}
    if judged.state is AttemptState.RESERVED:
        values["not_before"] = now_ms() + int((error.retry_after or RETRY_SECONDS) * 1000)
    else:
        values["settled_at"] = now_ms()
    if not leases.settle(session, Attempt, claim.attempt_id, claim.fence, **values):
        _keep_late_answer(session, attempt, f"{error.kind} {error.raw or error.message}")
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
        mark(session, attempt.voice_id, VoiceState.WANTED, error.kind, error.message)
        emit(session, "voice.wanted", attempt.voice_id)
    else:
        fail(session, attempt.voice_id, error.kind, error.message)
