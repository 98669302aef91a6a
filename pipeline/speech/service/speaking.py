"""One take: claim and hold, call, store, settle. At least once, with every duplicate on the books."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.delivery import Delivery
from pipeline.errors import BudgetExceeded, CallsheetError
from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import parts
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.references import service as references
from pipeline.speech.models import Take
from pipeline.speech.rules import KEPT_ON_DISK, TakeKind, TakeState, Verdict, object_key, verdict
from pipeline.speech.service.attempt import Claim, Ended, Job, Missed, Stored
from pipeline.speech.service.blocking import close_doubts, pay
from pipeline.speech.service.closing import close_runs
from pipeline.speech.service.dispatching import refill
from pipeline.speech.service.finishing import settle_done
from pipeline.speech.service.handing import require_wanted
from pipeline.speech.service.storing import stored_as, told_cost
from pipeline.speech.service.streaks import note_failure
from pipeline.speech.service.wasting import regain, waste
from pipeline.storage.port import ObjectInfo
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import GONE

LEASE_MARGIN_SECONDS = 30
_ASKED = (
    Take.id,
    Take.account_id,
    Take.fingerprint,
    Take.provider,
    Take.model,
    Take.voice_id,
    Take.text,
    Take.format,
    Take.speed,
    Take.pitch,
    Take.volume,
    Take.emotion,
    Take.fence,
    Voice.provider_voice_id,
    Voice.spoke_at,
)
_READY = (Take.state == TakeState.DISPATCHED, Voice.provider_voice_id.is_not(None))
_JOB = select(*_ASKED).join(Voice, Voice.id == Take.voice_id).where(Take.id == bindparam("take"), *_READY)
OUTAGES = frozenset({"not_sent", "provider_failed", "ambiguous"})
"""Misses that tell of the provider rather than of the line."""


def job(connection: Connection, take_id: str, *, max_chars: int) -> Job | None:
    """Return what a dispatched take asks for, or None where there is nothing to do."""
    # Asked once a line and by itself: put together anew, and through a session, it would cost several times as much.
    row = connection.execute(_JOB, {"take": take_id}).one_or_none()
    if row is None:
        return None
    said = parts(row.text, max_chars)
    return Job(
        id=row.id,
        account_id=row.account_id,
        fingerprint=row.fingerprint,
        provider=row.provider,
        model=row.model,
        voice_id=row.voice_id,
        provider_voice_id=row.provider_voice_id,
        parts=tuple(part.text for part in said),
        format=row.format,
        delivery=Delivery(row.speed, row.pitch, row.volume, row.emotion),
        key=object_key(row.account_id, row.fingerprint, row.format),
        is_fresh=row.fence == 0,
        voice_has_spoken=row.spoke_at is not None,
        pauses=tuple(part.pause for part in said[:-1]),
    )


def adopt(session: Session, job: Job, found: ObjectInfo, *, holder: str) -> None:
    """Settle a take with the object that an earlier attempt has stored, and that attempt with what it cost."""
    for take in _claim(session, [job.id], holder, LEASE_MARGIN_SECONDS):
        earlier = found.metadata.get("attempt", "")
        if take.attempt and take.error_kind != KEPT_ON_DISK and earlier.startswith(f"{job.id}#"):
            regain(session, take.run_id)
        pay(session, job.id, job.provider, earlier, told_cost(found))
        settle_done(session, [Ended(job, Claim(take.fence), stored_as(found, cost=0))])
        _go_on(session, job.provider)


def begin(session: Session, jobs: Sequence[Job], holder: str, seconds: float) -> Sequence[Claim | None]:
    """Claim dispatched takes and hold their prices: once this is committed, and not before, they may be called for.

    None for those that are not to be spoken now. The claims last for so many `seconds`, and a margin.
    """
    crash.here("before_sending_commit")
    takes = _claim(session, [job.id for job in jobs], holder, seconds + LEASE_MARGIN_SECONDS)
    runs = [session.get(Run, run_id) for run_id in {take.run_id for take in takes}]
    going = [take for take in takes if not _is_held_up(session, take)]
    for take in going:
        if take.error_kind == KEPT_ON_DISK:  # on another worker's machine, or it would be in the bucket by now
            waste(session, take.run_id)
    refused = _ask_leave(session, going)
    refused |= _hold(session, [take for take in going if take.id not in refused])
    for take in going:
        if take.id in refused:
            _block(session, take, refused[take.id])
    del runs  # asked about for each take: a session forgets rows that nobody holds
    claims = {take.id: Claim(take.fence) for take in going if take.id not in refused}
    return [claims.pop(job.id, None) for job in jobs]  # of two messages for one take, one has it


def give_up(session: Session, job: Job, claim: Claim) -> None:
    """Take a claim back under which no call was made: the take is as it was before, and its money is free."""
    dispatched = {"state": TakeState.DISPATCHED, "lease_until": now_ms() + leases.HINT_SECONDS * 1000}
    mine = (Take.id == job.id, Take.fence == claim.fence, Take.state == TakeState.SPEAKING)
    returning = update(Take).where(*mine).values(holder=None, **dispatched).returning(Take.run_id, Take.error_kind)
    taken_back = session.execute(returning.execution_options(synchronize_session=False)).one_or_none()
    if taken_back is not None and taken_back.error_kind == KEPT_ON_DISK:
        regain(session, taken_back.run_id)
    ledger.release(session, claim.attempt(job.id))


def lapse(session: Session, take: Take) -> None:
    """Take back a take whose worker is gone; what it may have paid stays held until the take is over."""
    missed = Missed("worker_lost", "the worker that spoke it is gone")
    _settle_missed(session, take, Claim(take.fence), missed)


def put_back(session: Session, take_id: str) -> None:
    """Return a dispatched take that got no permit in time; it has cost nothing."""
    waiting = update(Take).where(Take.id == take_id, Take.state == TakeState.DISPATCHED)
    session.execute(waiting.values(state=TakeState.READY, lease_until=None))


def settle(session: Session, ended: Sequence[Ended]) -> None:
    """Record the outcomes of attempts with their charges, and send the next takes that are due."""
    providers = sorted({attempt.job.provider for attempt in ended})
    done = [attempt for attempt in ended if isinstance(attempt.outcome, Stored)]
    for provider in {attempt.job.provider for attempt in done}:
        # The account's row before the budgets, as whoever enters takes them: else two could wait for each other.
        provider_account.note_success(session, provider)
    settle_done(session, done)
    for attempt in ended:
        if isinstance(attempt.outcome, Missed):
            _settle_missed(session, attempt.job, attempt.claim, attempt.outcome)
    for provider in providers:
        _go_on(session, provider)


def _go_on(session: Session, provider: str) -> None:
    if refill(session, provider) == 0:
        close_runs(session)


def _claim(session: Session, take_ids: Sequence[str], holder: str, seconds: float) -> Sequence[Take]:
    states = (TakeState.DISPATCHED, TakeState.SPEAKING)
    return leases.claim_all(session, Take, take_ids, holder=holder, seconds=seconds, state=states)


def _is_held_up(session: Session, take: Take) -> bool:
    """Put a take back whose run is paused, and tell whether that was so."""
    # First words are let through once they are on their way: they keep a voice that was paid for.
    if take.kind is TakeKind.AUDITION or not intake.is_paused(session, take.run_id):
        return False
    return leases.settle(session, Take, take.id, take.fence, state=TakeState.READY)


def _ask_leave(session: Session, takes: Sequence[Take]) -> dict[str, CallsheetError]:
    """Return why some of the takes may not be spoken."""
    refused: dict[str, CallsheetError] = {}
    for take in takes:
        try:
            _require_leave(session, take)
        except CallsheetError as error:
            refused[take.id] = error
    return refused


def _require_leave(session: Session, take: Take) -> None:
    # First words cost next to nothing and keep a voice that was paid for: a run that has ended still owes them.
    if take.kind is not TakeKind.AUDITION:
        intake.require_running(session, take.run_id)
        if take.fence > 1:  # else nothing of it was under way when its line was cancelled
            require_wanted(session, take)
    if take.consent_id and take.production_name:
        today = datetime.now(UTC).date()
        references.require_consent(session, take.consent_id, take.production_name, take.language, today)
    else:
        references.require_unsuspended(session, take.consent_id)


def _hold(session: Session, takes: Sequence[Take]) -> dict[str, CallsheetError]:
    """Hold the prices of takes, and return why some of them cannot be paid."""
    wants = [
        ledger.Want(Claim(take.fence).attempt(take.id), take.account_id, take.run_id, take.provider, take.estimate)
        for take in takes
    ]
    refusals = zip(takes, ledger.hold_all(session, wants), strict=True)
    return {take.id: refusal for take, refusal in refusals if refusal is not None}


def _block(session: Session, take: Take, error: CallsheetError) -> None:
    blocked = {"state": TakeState.BLOCKED, "error_kind": error.code, "error": error.message[:MESSAGE_LIMIT]}
    leases.settle(session, Take, take.id, take.fence, **blocked)
    close_doubts(session, take.id, take.provider)
    if isinstance(error, BudgetExceeded) and not take.is_redo:
        intake.stop_run(session, take.run_id, error.code)


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
