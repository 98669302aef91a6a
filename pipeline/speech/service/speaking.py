"""One take: claim and hold, call, store, settle. At least once, with every duplicate on the books."""

import hashlib
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline import audio
from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.errors import BudgetExceeded, CallsheetError
from pipeline.intake import service as intake
from pipeline.intake.rules import split_text
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT, ProviderError, ProviderFailed
from pipeline.provider.port import SpeechRequest, SpeechResult, VoiceProvider
from pipeline.references import service as references
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState, Verdict, may_have_cost, object_key, part_key, verdict
from pipeline.speech.service.blocking import close_doubts, pay
from pipeline.speech.service.dispatching import close_runs, dispatch
from pipeline.storage.port import ObjectExists, ObjectInfo, ObjectStore, StorageError
from pipeline.voices import service as voices
from pipeline.voices.models import Voice

LEASE_MARGIN_SECONDS = 30


@dataclass(frozen=True)
class Job:
    """A dispatched take: what to say, with which voice, and where the audio belongs."""

    id: str
    account_id: str
    fingerprint: str
    provider: str
    model: str
    voice_id: str
    provider_voice_id: str
    parts: tuple[str, ...]
    """The text, split where it is too long for one call."""
    format: str
    speed: float | None
    key: str


@dataclass(frozen=True)
class Claim:
    """The right to one paid attempt at a take."""

    fence: int

    def attempt(self, take_id: str) -> str:
        """Return the name the money of this attempt goes by."""
        return f"{take_id}#{self.fence}"


@dataclass(frozen=True)
class Spoken:
    """Audio of a take, and what it cost in micro-dollars; None where the provider did not say."""

    audio: bytes
    content_type: str
    seconds: float
    cost: int | None
    chars: int | None


@dataclass(frozen=True)
class Stored:
    """A take's audio in the bucket."""

    size: int
    sha256: str
    content_type: str
    seconds: float
    cost: int | None
    chars: int | None


@dataclass(frozen=True)
class Missed:
    """A call that brought no audio that can be kept; `cost` is what it is known to have cost all the same."""

    kind: str
    message: str
    cost: int | None = None
    retry_after: float | None = None


class TakeMissed(Exception):
    """A take was not spoken this time; its row says what follows. Raised so that the task shows as failed."""

    def __init__(self, missed: Missed) -> None:
        super().__init__(missed.kind)


def job(session: Session, take_id: str, *, max_chars: int) -> Job | None:
    """Return what a dispatched take asks for, or None where there is nothing to do."""
    take = session.get(Take, take_id)
    voice = session.get(Voice, take.voice_id) if take else None
    if take is None or take.state is not TakeState.DISPATCHED or voice is None or voice.provider_voice_id is None:
        return None
    return Job(
        id=take.id,
        account_id=take.account_id,
        fingerprint=take.fingerprint,
        provider=take.provider,
        model=take.model,
        voice_id=voice.id,
        provider_voice_id=voice.provider_voice_id,
        parts=tuple(split_text(take.text, max_chars)),
        format=take.format,
        speed=take.speed,
        key=object_key(take.account_id, take.fingerprint, take.format),
    )


def adopt(session: Session, job: Job, found: ObjectInfo, *, holder: str) -> None:
    """Settle a take with the object that an earlier attempt has stored, and that attempt with what it cost."""
    claim = _claim(session, job.id, holder, LEASE_MARGIN_SECONDS)
    if claim is not None:
        pay(session, job.id, job.provider, found.metadata.get("attempt", ""), _told_cost(found))
        settle(session, job, claim, _stored(found, cost=0))


def begin(session: Session, job: Job, *, holder: str, timeout: float) -> Claim | None:
    """Claim a dispatched take and hold its price: once this is committed, and not before, the call may be made."""
    claim = _claim(session, job.id, holder, timeout * len(job.parts) + LEASE_MARGIN_SECONDS)
    if claim is None:
        return None
    take = session.get_one(Take, job.id)
    try:
        _require_leave(session, take, claim)
    except CallsheetError as error:
        blocked = {"state": TakeState.BLOCKED, "error_kind": error.code, "error": error.message[:MESSAGE_LIMIT]}
        leases.settle(session, Take, job.id, claim.fence, **blocked)
        close_doubts(session, job.id, job.provider)
        if isinstance(error, BudgetExceeded):
            intake.stop_run(session, take.run_id, error.code)
        return None
    return claim


def lapse(session: Session, take: Take) -> None:
    """Take back a take whose worker is gone; what it may have paid stays held until the take is over."""
    missed = Missed("worker_lost", "the worker that spoke it is gone")
    _settle_missed(session, take, Claim(take.fence), missed)


def put_back(session: Session, take_id: str) -> None:
    """Return a dispatched take that got no permit in time; it has cost nothing."""
    waiting = update(Take).where(Take.id == take_id, Take.state == TakeState.DISPATCHED)
    session.execute(waiting.values(state=TakeState.READY, lease_until=None))


def call(provider: VoiceProvider, store: ObjectStore, job: Job, wait: Callable[[], None]) -> Spoken | Missed:
    """Speak a take: one call, or one a part for a text above the provider's limit; `wait` keeps the pace between."""
    if len(job.parts) == 1:
        return _speak(provider, job, job.parts[0])
    parts: list[Spoken] = []
    for number, text in enumerate(job.parts):
        if number:
            wait()
        part = _speak_part(provider, store, job, number, text)
        if isinstance(part, Missed):
            return _missed_whole(parts, part)
        parts.append(part)
    return _joined(job, parts)


def keep(store: ObjectStore, job: Job, claim: Claim, spoken: Spoken) -> Stored | Missed:
    """Store a take's audio with its cost and attempt; the first writer wins, and a late twin keeps what is there."""
    stored = Stored(
        size=len(spoken.audio),
        sha256=hashlib.sha256(spoken.audio).hexdigest(),
        content_type=spoken.content_type,
        seconds=spoken.seconds,
        cost=spoken.cost,
        chars=spoken.chars,
    )
    try:
        store.put(job.key, spoken.audio, content_type=spoken.content_type, metadata=_metadata(stored, job, claim))
    except ObjectExists:
        return _twins(store, job, spoken) or stored
    except StorageError as error:
        return Missed("storage_failed", str(error), spoken.cost)
    _drop_parts(store, job)
    return stored


def settle(session: Session, job: Job, claim: Claim, outcome: Stored | Missed) -> None:
    """Record the outcome of an attempt with its charge, and send the next takes that are due."""
    if isinstance(outcome, Stored):
        _settle_done(session, job, claim, outcome)
    else:
        _settle_missed(session, job, claim, outcome)
    if not dispatch(session, job.provider):
        close_runs(session)


def _claim(session: Session, take_id: str, holder: str, seconds: float) -> Claim | None:
    states = (TakeState.DISPATCHED, TakeState.SPEAKING)
    row = leases.claim(session, Take, take_id, holder=holder, seconds=seconds, state=states)
    return Claim(row.fence) if row else None


def _require_leave(session: Session, take: Take, claim: Claim) -> None:
    intake.require_running(session, take.run_id)
    if take.consent_id and take.production_name:
        today = datetime.now(UTC).date()
        references.require_consent(session, take.consent_id, take.production_name, take.language, today)
    attempt = claim.attempt(take.id)
    ledger.hold(
        session,
        account_id=take.account_id,
        run_id=take.run_id,
        provider=take.provider,
        attempt=attempt,
        amount=take.estimate,
    )


def _speak(provider: VoiceProvider, job: Job, text: str) -> Spoken | Missed:
    request = SpeechRequest(job.model, text, job.provider_voice_id, job.format, job.speed)
    try:
        answer = provider.synthesize(request)
        return _checked(answer, job.format)
    except ProviderError as error:
        return Missed(error.kind, error.message, error.charged_micros, error.retry_after)


def _checked(answer: SpeechResult, audio_format: str) -> Spoken:
    try:
        sound = audio.probe_speech(answer.audio, audio_format)
    except audio.AudioRejected as error:
        raise ProviderFailed(
            f"the provider's answer is no audio: {error}", charged_micros=answer.cost.charged_micros
        ) from error
    cost = answer.cost
    return Spoken(answer.audio, answer.content_type, sound.seconds, cost.charged_micros, cost.chars_billed)


def _speak_part(provider: VoiceProvider, store: ObjectStore, job: Job, number: int, text: str) -> Spoken | Missed:
    key = part_key(job.account_id, job.fingerprint, job.format, number)
    try:
        found = store.head(key)
        if found is not None:
            return Spoken(store.get(key), found.content_type, _stored(found, cost=0).seconds, 0, 0)
    except StorageError as error:
        return Missed("storage_away", str(error))
    part = _speak(provider, job, text)
    if isinstance(part, Spoken):
        seconds = {"seconds": f"{part.seconds:.3f}"}
        try:
            store.put(key, part.audio, content_type=part.content_type, metadata=seconds)
        except ObjectExists:
            return part  # a twin has stored it as well; either serves
        except StorageError as error:
            return Missed("storage_failed", str(error), part.cost)
    return part


def _missed_whole(parts: list[Spoken], missed: Missed) -> Missed:
    """Return the miss of one part as the miss of the take, with what all its parts have cost."""
    cost = 0 if missed.cost is None and not may_have_cost(missed.kind) else missed.cost
    return replace(missed, cost=_sum([*(part.cost for part in parts), cost])) if parts else missed


def _joined(job: Job, parts: list[Spoken]) -> Spoken | Missed:
    cost = _sum([part.cost for part in parts])
    try:
        whole = audio.join([part.audio for part in parts], job.format)
        seconds = audio.probe_speech(whole, job.format).seconds
    except audio.AudioRejected as error:
        return Missed(error.code, error.message, cost)
    return Spoken(whole, parts[0].content_type, seconds, cost, _sum([part.chars for part in parts]))


def _sum(amounts: list[int | None]) -> int | None:
    """Add up what is known; where a part is not, neither is the whole."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _metadata(stored: Stored, job: Job, claim: Claim) -> dict[str, str]:
    cost = {} if stored.cost is None else {"cost-micros": str(stored.cost)}
    seconds = f"{stored.seconds:.3f}"
    return {"attempt": claim.attempt(job.id), "seconds": seconds, "sha256": stored.sha256, **cost}


def _told_cost(found: ObjectInfo) -> int | None:
    """Return what the audio cost whoever stored it; None where the provider did not say."""
    cost = found.metadata.get("cost-micros")
    return int(cost) if cost else None


def _twins(store: ObjectStore, job: Job, spoken: Spoken) -> Stored | None:
    try:
        found = store.head(job.key)
    except StorageError:
        return None  # it is there all the same
    return _stored(found, cost=spoken.cost) if found else None


def _drop_parts(store: ObjectStore, job: Job) -> None:
    for number in range(len(job.parts) if len(job.parts) > 1 else 0):
        with suppress(StorageError):  # what stays behind costs a little room, and the whole is stored
            store.delete(part_key(job.account_id, job.fingerprint, job.format, number))


def _stored(found: ObjectInfo, *, cost: int | None) -> Stored:
    told = found.metadata
    return Stored(
        size=found.size,
        sha256=told.get("sha256", ""),
        content_type=found.content_type,
        seconds=float(told.get("seconds", "0")),
        cost=cost,
        chars=None,
    )


def _settle_done(session: Session, job: Job, claim: Claim, stored: Stored) -> None:
    settled = leases.settle(
        session,
        Take,
        job.id,
        claim.fence,
        state=TakeState.DONE,
        object_key=job.key,
        size=stored.size,
        sha256=stored.sha256,
        content_type=stored.content_type,
        seconds=stored.seconds,
        chars=stored.chars,
        done_at=now_ms(),
        error_kind=None,
        error=None,
    )
    pay(session, job.id, job.provider, claim.attempt(job.id), stored.cost, stored.chars)
    if settled:
        close_doubts(session, job.id, job.provider)
        _note_voice_spoke(session, job.voice_id)


def _settle_missed(session: Session, spoken: Job | Take, claim: Claim, missed: Missed) -> None:
    take = session.get_one(Take, spoken.id, populate_existing=True)
    judged = verdict(
        missed.kind,
        paid=take.attempt,
        claims=claim.fence,
        retry_after=missed.retry_after,
        chance=random.random(),  # noqa: S311 - spreads retries, protects nothing
    )
    settled = leases.settle(
        session,
        Take,
        take.id,
        claim.fence,
        state=judged.state,
        attempt=take.attempt + judged.paid,
        not_before=now_ms() + int(judged.delay_seconds * 1000),
        error_kind=missed.kind,
        error=missed.message[:MESSAGE_LIMIT],
    )
    _settle_missed_money(session, take, claim, missed, judged)
    if settled and judged.state.is_final():
        close_doubts(session, take.id, take.provider)
    if judged.loses_voice:
        voices.lose(session, take.voice_id, missed.message)
    if judged.stops_account:
        intake.stop_run(session, take.run_id, missed.kind)


def _settle_missed_money(session: Session, take: Take, claim: Claim, missed: Missed, judged: Verdict) -> None:
    # An attempt that may have been charged keeps its hold until the take is over: the cap stays a true bound.
    if missed.cost is not None:
        pay(session, take.id, take.provider, claim.attempt(take.id), missed.cost)
    elif not judged.paid:
        ledger.release(session, claim.attempt(take.id))


def _note_voice_spoke(session: Session, voice_id: str) -> None:
    silent = session.scalar(select(Voice.id).where(Voice.id == voice_id, Voice.spoke_at.is_(None)))
    if silent:
        session.execute(update(Voice).where(Voice.id == voice_id).values(spoke_at=now_ms()))
