"""One take: claim and hold, call, store, settle. At least once, with every duplicate on the books."""

import random
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.errors import BudgetExceeded, CallsheetError
from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import split_text
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.references import service as references
from pipeline.speech.models import Take
from pipeline.speech.rules import KEPT_ON_DISK, TakeKind, TakeState, Verdict, object_key, verdict
from pipeline.speech.service.attempt import Claim, Job, Missed, Stored
from pipeline.speech.service.blocking import close_doubts, pay
from pipeline.speech.service.closing import close_runs
from pipeline.speech.service.dispatching import refill
from pipeline.speech.service.handing import require_wanted
from pipeline.speech.service.storing import stored_as, told_cost
from pipeline.speech.service.streaks import note_failure, note_success
from pipeline.speech.service.wasting import regain, waste
from pipeline.storage.port import ObjectInfo
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import GONE

LEASE_MARGIN_SECONDS = 30
OUTAGES = frozenset({"not_sent", "provider_failed", "ambiguous"})
"""Misses that tell of the provider rather than of the line."""


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
        is_fresh=take.fence == 0,
        voice_has_spoken=voice.spoke_at is not None,
    )


def adopt(session: Session, job: Job, found: ObjectInfo, *, holder: str) -> None:
    """Settle a take with the object that an earlier attempt has stored, and that attempt with what it cost."""
    take = _claim(session, job.id, holder, LEASE_MARGIN_SECONDS)
    if take is None:
        return
    earlier, claim = found.metadata.get("attempt", ""), Claim(take.fence)
    if take.attempt and take.error_kind != KEPT_ON_DISK and earlier.startswith(f"{job.id}#"):
        regain(session, take.run_id)
    pay(session, job.id, job.provider, earlier, told_cost(found))
    _settle_done(session, job, claim, stored_as(found, cost=0))
    _go_on(session, job.provider)


def begin(session: Session, job: Job, *, holder: str, timeout: float) -> Claim | None:
    """Claim a dispatched take and hold its price: once this is committed, and not before, the call may be made."""
    crash.here("before_sending_commit")
    take = _claim(session, job.id, holder, timeout * len(job.parts) + LEASE_MARGIN_SECONDS)
    if take is None:
        return None
    claim, _run = Claim(take.fence), session.get(Run, take.run_id)  # a session forgets rows that nobody holds
    # First words are let through once they are on their way: they keep a voice that was paid for.
    if take.kind is not TakeKind.AUDITION and intake.is_paused(session, take.run_id):
        leases.settle(session, Take, job.id, claim.fence, state=TakeState.READY)
        return None
    if take.error_kind == KEPT_ON_DISK:  # on the disk of another worker's machine, or it would be in the bucket by now
        waste(session, take.run_id)
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


def settle(session: Session, job: Job, claim: Claim, outcome: Stored | Missed) -> None:
    """Record the outcome of an attempt with its charge, and send the next takes that are due."""
    if isinstance(outcome, Stored):
        # The account's row before the budgets, as whoever enters takes them: else two could wait for each other.
        provider_account.note_success(session, job.provider)
        _settle_done(session, job, claim, outcome)
    else:
        _settle_missed(session, job, claim, outcome)
    _go_on(session, job.provider)


def _go_on(session: Session, provider: str) -> None:
    if refill(session, provider) == 0:
        close_runs(session)


def _claim(session: Session, take_id: str, holder: str, seconds: float) -> Take | None:
    states = (TakeState.DISPATCHED, TakeState.SPEAKING)
    return leases.claim(session, Take, take_id, holder=holder, seconds=seconds, state=states)


def _require_leave(session: Session, take: Take, claim: Claim) -> None:
    # First words cost next to nothing and keep a voice that was paid for: a run that has ended still owes them.
    if take.kind is not TakeKind.AUDITION:
        intake.require_running(session, take.run_id)
        if claim.fence > 1:  # else nothing of it was under way when its line was cancelled
            require_wanted(session, take)
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
        if claim.fence > 1:
            close_doubts(session, job.id, job.provider)
        if not job.voice_has_spoken:
            _note_voice_spoke(session, job.voice_id)
        note_success(session, job.id)


def _settle_missed(session: Session, spoken: Job | Take, claim: Claim, missed: Missed) -> None:
    take = session.get_one(Take, spoken.id, populate_existing=True)
    if missed.kind == GONE:
        missed = replace(missed, message=voices.gone(session.get_one(Voice, take.voice_id), missed.message))
    judged = verdict(
        missed.kind,
        paid=take.attempt,
        claims=take.claims + 1,
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
        claims=take.claims + judged.counts,
        not_before=now_ms() + int(judged.delay_seconds * 1000),
        error_kind=missed.kind,
        error=missed.message[:MESSAGE_LIMIT],
    )
    _note_account(session, take, missed, judged)
    _settle_missed_money(session, take, claim, missed, judged)
    if settled and judged.wasted:
        waste(session, take.run_id)
    if settled and judged.state is TakeState.FAILED:
        note_failure(session, take.run_id, missed.kind, missed.message[:MESSAGE_LIMIT])
    if settled and judged.state.is_final():
        close_doubts(session, take.id, take.provider)
    if judged.loses_voice:
        voices.lose(session, take.voice_id, missed.message)


def _settle_missed_money(session: Session, take: Take, claim: Claim, missed: Missed, judged: Verdict) -> None:
    # An attempt that may have been charged keeps its hold until the take is over: the cap stays a true bound.
    if missed.cost is not None:
        pay(session, take.id, take.provider, claim.attempt(take.id), missed.cost)
    elif not judged.paid:
        ledger.release(session, claim.attempt(take.id))


def _note_account(session: Session, take: Take, missed: Missed, judged: Verdict) -> None:
    if judged.blocks_account:
        kind = missed.block or provider_account.Block.KEY
        provider_account.block(session, take.provider, kind=kind, message=missed.message, needs=take.estimate)
    elif missed.kind in OUTAGES:
        provider_account.note_failure(session, take.provider, missed.message)


def _note_voice_spoke(session: Session, voice_id: str) -> None:
    silent = session.scalar(select(Voice.id).where(Voice.id == voice_id, Voice.spoke_at.is_(None)))
    if silent:
        session.execute(update(Voice).where(Voice.id == voice_id).values(spoke_at=now_ms()))
        voices.pay_first_use(session, voice_id)
