"""Sending an attempt: what it asks for, the claim that is committed before the first byte, and the one POST."""

import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.intake import service as intake
from pipeline.ledger import service as ledger
from pipeline.provider.errors import NotSent, ProviderError
from pipeline.provider.port import CloneRequest, DesignRequest, VoiceProvider, VoiceResult
from pipeline.references.models import Reference
from pipeline.storage.port import ObjectStore
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import ACTIVATION_LINE, AttemptState, VoiceKind
from pipeline.voices.service.moving import give_up
from pipeline.voices.service.withholding import refusal

OLDEST_READING_MS = 60_000
"""How old the reading of the provider's account may be when an attempt is claimed: what it is held against is newer."""
LEASE_MARGIN_SECONDS = 60
"""How long after its claim a request may begin: with the HTTP timeout it still ends within the lease."""


@dataclass(frozen=True)
class Job:
    """An attempt: what is asked of the provider, and with which recording."""

    id: str
    voice_id: str
    kind: VoiceKind
    provider: str
    model: str
    label: str
    chosen_id: str | None
    object_key: str | None
    mime: str
    description: str
    gender: str | None
    age_group: str | None


@dataclass(frozen=True)
class Before:
    """The provider account just before a paid call: what was spent, and then the balance where it tells one.

    `read_at` is when that was begun, in milliseconds of the database's clock.
    """

    spend: ledger.KnownSpend
    read_at: int
    balance: int | None = None


@dataclass(frozen=True)
class Claim:
    """The right to send one attempt once, until `send_by` of the monotonic clock."""

    attempt_id: str
    fence: int
    send_by: float = float("inf")


def job(session: Session, attempt_id: str) -> Job | None:
    """Return what a reserved attempt asks for, or None where there is nothing to send, or another is under way."""
    due = (Attempt.id == attempt_id, Attempt.state == AttemptState.RESERVED, Attempt.not_before <= now_ms())
    attempt = session.scalar(select(Attempt).where(*due))
    return None if attempt is None or _must_wait(session, attempt) else describe(session, attempt)


def describe(session: Session, attempt: Attempt) -> Job:
    """Return what an attempt asks for, or has asked for."""
    voice = session.get_one(Voice, attempt.voice_id)
    reference = session.get_one(Reference, voice.reference_id) if voice.reference_id else None
    return Job(
        id=attempt.id,
        voice_id=voice.id,
        kind=attempt.kind,
        provider=attempt.provider,
        model=attempt.model,
        label=attempt.label,
        chosen_id=attempt.chosen_id,
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
    """Return the provider account's balance, as evidence; None where it cannot be had."""
    if not provider.capabilities().reports_balance:
        return None
    try:
        return provider.account().balance_micros
    except ProviderError:
        return None


def read_before(session: Session, provider: str) -> Before:
    """Read the books before a paid call; the balance is read after them."""
    read_at = session.scalar(select(now_ms())) or 0
    return Before(ledger.known_spend(session, provider), read_at)


def begin(session: Session, job: Job, *, holder: str, timeout: float, before: Before) -> Claim | None:
    """Claim a reserved attempt: once this is committed, and not before, the request may be sent.

    None where it is not to be sent now: a twin has it, its run was stopped or is paused, `before` is too old,
    or another is under way with a provider whose balance is the evidence. One of a suspended talent is given up.
    """
    send_by = time.monotonic() + LEASE_MARGIN_SECONDS
    attempt = session.get_one(Attempt, job.id)
    if intake.is_held_up(session, attempt.run_id) or _must_wait(session, attempt) or _is_old(session, before):
        return None
    refused = refusal(session, session.get_one(Voice, attempt.voice_id))
    if refused is not None:
        give_up(session, attempt, refused.code, refused.message)
        return None
    crash.here("before_sending_commit")
    states = (AttemptState.RESERVED, AttemptState.SENDING)
    try:
        with session.begin_nested():
            claimed = leases.claim(
                session, Attempt, job.id, holder=holder, seconds=timeout + LEASE_MARGIN_SECONDS, state=states
            )
    except IntegrityError:
        return None  # another attempt was begun at the same moment
    if claimed is None:
        return None
    _note_before(session, claimed, before)
    return Claim(claimed.id, claimed.fence, send_by)


def call(provider: VoiceProvider, job: Job, recording: bytes, claim: Claim) -> VoiceResult | ProviderError:
    """Send the one POST of an attempt and return its outcome, whatever it is."""
    if time.monotonic() > claim.send_by:
        return NotSent("The worker was held up for longer than its claim allows; nothing was sent.")
    crash.here("zombie")
    try:
        asked = request(job, recording)
        return provider.design_voice(asked) if isinstance(asked, DesignRequest) else provider.create_voice(asked)
    except ProviderError as error:
        return error


def request(job: Job, recording: bytes) -> CloneRequest | DesignRequest:
    """Return what an attempt sends."""
    if job.kind is VoiceKind.DESIGNED:
        return DesignRequest(
            job.description,
            job.label,
            job.model,
            preview_text=ACTIVATION_LINE,
            gender=job.gender,
            age_group=job.age_group,
            chosen_id=job.chosen_id,
        )
    suffix = PurePosixPath(job.object_key or "").suffix
    return CloneRequest(
        BytesIO(recording), f"reference{suffix}", job.mime, job.label, job.model, chosen_id=job.chosen_id
    )


def _must_wait(session: Session, attempt: Attempt) -> bool:
    """Tell whether another attempt is under way with a provider whose balance is the evidence."""
    under_way = Attempt.state.in_((AttemptState.SENDING, AttemptState.AMBIGUOUS))
    other = exists().where(Attempt.provider == attempt.provider, under_way)
    return bool(attempt.exclusive) and bool(session.scalar(select(other)))


def _is_old(session: Session, before: Before) -> bool:
    return bool(session.scalar(select(now_ms() - before.read_at > OLDEST_READING_MS)))


def _note_before(session: Session, attempt: Attempt, before: Before) -> None:
    now = ledger.known_spend(session, attempt.provider)
    session.execute(
        update(Attempt)
        .where(Attempt.id == attempt.id)
        .values(
            sent_at=now_ms(),
            balance_before=before.balance,
            spent_before=before.spend.spent,
            estimated_before=before.spend.estimated,
            committed_before=now.committed - attempt.price,
        )
    )
