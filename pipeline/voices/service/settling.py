"""Settling an attempt: what the answer to its one call does to voice, owner and money, in one transaction."""

import structlog
from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.errors import NeedsReconcile
from pipeline.intake import service as intake
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.provider.errors import MESSAGE_LIMIT, AccountBlocked, ProviderError
from pipeline.provider.port import Capabilities, ChargeMoment, VoiceResult
from pipeline.references import service as references
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import (
    MAX_ATTEMPTS,
    AttemptState,
    Move,
    OrphanState,
    VoiceKind,
    VoiceState,
    late_move,
    verdict,
)
from pipeline.voices.service.marking import fail, fees_due, mark
from pipeline.voices.service.moving import move
from pipeline.voices.service.sending import Claim
from pipeline.voices.service.streaks import note_failure

RETRY_SECONDS = 5.0
REFERENCE_LOST = "reference_lost"

log = structlog.get_logger()


def settle(session: Session, claim: Claim, outcome: VoiceResult | ProviderError, *, capabilities: Capabilities) -> None:
    """Record the outcome of a sent attempt: voice, owner and charge in this one transaction.

    It may come late, or twice: what the attempt's state no longer allows changes nothing, and a voice nobody
    waits for any more is kept as an orphan.
    """
    attempt = session.get_one(Attempt, claim.attempt_id, populate_existing=True, with_for_update=True)
    # A claim is followed by another only where its own answer has put the attempt back: of that call it knows nothing.
    is_latest = attempt.fence == claim.fence
    if isinstance(outcome, VoiceResult) and is_latest:
        take_in(session, attempt, outcome, capabilities=capabilities)
    elif isinstance(outcome, VoiceResult):
        _keep_orphan(session, attempt, outcome)
    elif is_latest and attempt.state is AttemptState.SENDING:
        _miss(session, attempt, outcome)
    elif is_latest:
        _miss_late(session, attempt, outcome, capabilities)
    crash.here("in_result_tx")
    tell_next(session, attempt.provider)


def take_in(session: Session, attempt: Attempt, made: VoiceResult, *, capabilities: Capabilities) -> None:
    """Make a voice ours that an attempt has brought; where nobody waits for it any more it is kept as an orphan."""
    if is_taken(session, attempt, made.provider_voice_id):
        done = _refer_taken(session, attempt, made)
    else:
        done = _succeed(session, attempt, made, capabilities)
    if not done:
        _keep_orphan(session, attempt, made)


def is_taken(session: Session, attempt: Attempt, provider_voice_id: str) -> bool:
    """Tell whether one of the provider's voices is known to us as that of another voice or attempt."""
    voice = exists().where(
        Voice.provider == attempt.provider,
        Voice.provider_voice_id == provider_voice_id,
        Voice.id != attempt.voice_id,
        Voice.kind != VoiceKind.SYSTEM,
    )
    other = exists().where(
        Attempt.provider == attempt.provider,
        Attempt.provider_voice_id == provider_voice_id,
        Attempt.id != attempt.id,
    )
    return bool(session.scalar(select(voice | other)))


def own(session: Session, attempt: Attempt, provider_voice_id: str, *, lapses_at: int | None) -> None:
    """Make a voice ready, and tell its lines."""
    ready = update(Voice).where(Voice.id == attempt.voice_id)
    session.execute(
        ready.values(
            state=VoiceState.READY,
            provider_voice_id=provider_voice_id,
            lapses_at=lapses_at,
            spoke_at=None,
            problem=None,
            message=None,
        )
    )
    emit(session, "voice.ready", attempt.voice_id)


def pay(session: Session, attempt: Attempt, charged: int | None) -> None:
    """Turn an attempt's hold into a charge in micro-dollars; None where nobody said how much."""
    payment = ledger.Payment(_kind(attempt.kind), attempt.provider, charged, attempt.voice_id)
    ledger.settle(session, attempt.id, payment)


def pay_first_use(session: Session, voice_id: str) -> None:
    """Book the fee of a voice whose provider charges it when the voice first speaks; harmless for any other."""
    voice = session.get_one(Voice, voice_id)
    for held in fees_due(session, voice_id):
        ledger.settle(session, held, ledger.Payment(_kind(voice.kind), voice.provider, None, voice_id))


def lapses_at(session: Session, attempt: Attempt, made_at_ms: int | None, capabilities: Capabilities) -> int | None:
    """Return when the provider deletes a voice that does not speak, by the provider's clock."""
    if capabilities.activation_deadline_seconds is None:
        return None
    # Where nobody says when it was made it was when the request was sent, at the earliest.
    ago = select(now_ms() - func.coalesce(Attempt.sent_at, now_ms())).where(Attempt.id == attempt.id)
    made_at = made_at_ms or provider_account.provider_now(session, attempt.provider) - (session.scalar(ago) or 0)
    return made_at + capabilities.activation_deadline_seconds * 1000


def doubt(session: Session, attempt: Attempt, kind: str, message: str, *, raw: str = "", sender_ended: bool) -> None:
    """Record that a sent attempt may have happened; its money stays held and the evidence is looked for."""
    told = {"error_kind": kind, "error": message, "evidence": raw or None}
    doubted = {"doubted_at": now_ms(), "sender_ended": int(sender_ended), "not_before": now_ms(), "checks": 0}
    if move(session, attempt, Move.DOUBT, **told, **doubted):
        mark(session, attempt.voice_id, VoiceState.MAKING, "outcome_unknown", message)
        emit(session, "attempt.doubted", attempt.id)


def refer(session: Session, attempt: Attempt, why: str, message: str, *, raw: str | None = None) -> bool:
    """Hand an attempt to a person: no evidence tells what became of it, or the voice it paid for is lost."""
    seen = attempt.evidence if raw is None else raw
    told = {"verdict": why, "error": message[:MESSAGE_LIMIT], "evidence": seen}
    if not move(session, attempt, Move.REFER, settled_at=now_ms(), **told):
        return False
    mark(session, attempt.voice_id, VoiceState.UNCLEAR, NeedsReconcile.code, message)
    emit(session, "voice.failed", attempt.voice_id)
    note_failure(session, attempt.run_id, NeedsReconcile.code, message)
    log.error("needs_reconcile", attempt=attempt.id, verdict=why)
    return True


def disprove(session: Session, attempt: Attempt, kind: str, message: str, *, move_by: Move = Move.DISPROVE) -> bool:
    """Record that an attempt did not happen: its money is free, and the voice is made by a new one."""
    if not move(session, attempt, move_by, error_kind=kind, error=message[:MESSAGE_LIMIT], settled_at=now_ms()):
        return False
    ledger.release(session, attempt.id)
    in_vain = (Attempt.voice_id == attempt.voice_id, Attempt.run_id == attempt.run_id)
    tries = select(func.count()).where(*in_vain, Attempt.state == AttemptState.RELEASED)
    if (session.scalar(tries) or 0) < MAX_ATTEMPTS and not intake.is_stopped(session, attempt.run_id):
        mark(session, attempt.voice_id, VoiceState.WANTED, kind, message)
        emit(session, "voice.wanted", attempt.voice_id)
    else:
        fail(session, attempt.voice_id, kind, message)
        note_failure(session, attempt.run_id, kind, message)
    return True


def lose_recording(session: Session, attempt_id: str) -> None:
    """Give up a reserved attempt whose recording is gone from the bucket: the next apply prepares it anew."""
    attempt = session.get_one(Attempt, attempt_id, populate_existing=True, with_for_update=True)
    message = "The normalised recording is gone from the bucket; apply again prepares it anew from the original."
    if move(session, attempt, Move.GIVE_UP, error_kind=REFERENCE_LOST, error=message, settled_at=now_ms()):
        ledger.release(session, attempt.id)
        fail(session, attempt.voice_id, REFERENCE_LOST, message)
        references.lose(session, session.get_one(Voice, attempt.voice_id).reference_id or "")


def tell_next(session: Session, provider: str) -> None:
    """Hint at the attempt that waits for this one to be over, where only one may be under way."""
    due = (Attempt.provider == provider, Attempt.state == AttemptState.RESERVED, Attempt.exclusive == 1)
    waiting = select(Attempt.id).where(*due, Attempt.not_before <= now_ms()).order_by(Attempt.id).limit(1)
    following = session.scalar(waiting)
    if following:
        emit(session, "attempt.reserved", following)


def _miss(session: Session, attempt: Attempt, error: ProviderError) -> None:
    judged = verdict(error.kind)
    match judged.move:
        case Move.DOUBT:
            doubt(session, attempt, error.kind, error.message, raw=error.raw, sender_ended=True)
        case Move.UNSEND:
            wait = int((error.retry_after or RETRY_SECONDS) * 1000)
            told = {"error_kind": error.kind, "error": error.message}
            move(session, attempt, Move.UNSEND, not_before=now_ms() + wait, **told)
        case Move.DISPROVE:
            disprove(session, attempt, error.kind, error.message)
        case _:
            _reject(session, attempt, error)


def _reject(session: Session, attempt: Attempt, error: ProviderError) -> None:
    told = {"error_kind": error.kind, "error": error.message, "evidence": error.raw or None}
    if not move(session, attempt, Move.REJECT, settled_at=now_ms(), **told):
        return
    block = provider_account.Block.of(error) if isinstance(error, AccountBlocked) else None
    if block:  # the account's row before the budgets, as `Edge.admit` takes them
        provider_account.block(session, attempt.provider, kind=block, message=error.message, needs=attempt.price)
    ledger.release(session, attempt.id)
    if block and not intake.is_stopped(session, attempt.run_id):
        # The request was right: it is made anew once the account can pay, and no voice fails until then.
        mark(session, attempt.voice_id, VoiceState.WANTED, block, error.message)
    else:
        fail(session, attempt.voice_id, error.kind, error.message)


def _miss_late(session: Session, attempt: Attempt, error: ProviderError, capabilities: Capabilities) -> None:
    # Its outcome is in doubt by now, and this is the answer to its one call: the best evidence there is, except
    # where evidence is had by asking again. Such a call may have made the voice that this one was refused.
    late = None if capabilities.client_chosen_id else late_move(verdict(error.kind).move)
    if late is Move.DISPROVE:
        disprove(session, attempt, error.kind, error.message)
    elif late is Move.REJECT:
        _reject(session, attempt, error)
    else:
        # Nothing more is sent; but what was sent last may take effect for as long from now as after any call.
        in_doubt = update(Attempt).where(Attempt.id == attempt.id, Attempt.state == AttemptState.AMBIGUOUS)
        seen = {"sender_ended": 1, "doubted_at": now_ms(), "evidence": error.raw or error.message}
        session.execute(in_doubt.values(**seen))


def _succeed(session: Session, attempt: Attempt, made: VoiceResult, capabilities: Capabilities) -> bool:
    values = {"provider_voice_id": made.provider_voice_id, "evidence": made.raw, "settled_at": now_ms()}
    if not move(session, attempt, Move.SUCCEED, error_kind=None, error=None, verdict=None, **values):
        return False
    if capabilities.charge_moment is not ChargeMoment.FIRST_USE:
        pay(session, attempt, made.cost.charged_micros)
    lapses = lapses_at(session, attempt, made.made_at_ms, capabilities)
    own(session, attempt, made.provider_voice_id, lapses_at=lapses)
    return True


def _refer_taken(session: Session, attempt: Attempt, made: VoiceResult) -> bool:
    """Leave it to a person that the provider has named a voice which is another's here; False where it is over."""
    told = f"The answer names the voice {made.provider_voice_id}, which belongs to another voice here."
    if attempt.state is AttemptState.OPERATOR:
        session.execute(update(Attempt).where(Attempt.id == attempt.id).values(error=told, evidence=made.raw))
        return True
    return refer(session, attempt, "unknown", told, raw=made.raw)


def _keep_orphan(session: Session, attempt: Attempt, made: VoiceResult) -> None:
    """Keep a voice whose attempt was given up before its answer came: it is paid for, and a person may adopt it."""
    if attempt.state is AttemptState.SUCCEEDED and attempt.provider_voice_id == made.provider_voice_id:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    cost = attempt.price if made.cost.charged_micros is None else made.cost.charged_micros
    keeping = insert(Orphan).values(
        id=new_id("orph"),
        account_id=attempt.account_id,
        voice_id=attempt.voice_id,
        attempt_id=attempt.id,
        provider=attempt.provider,
        provider_voice_id=made.provider_voice_id,
        state=OrphanState.OPEN,
        cost=cost,
        raw=made.raw,
    )
    if session.scalar(keeping.on_conflict_do_nothing().returning(Orphan.id)) is None:
        return
    log.error("orphan_found", attempt=attempt.id, voice=attempt.voice_id)
    if cost and attempt.state is not AttemptState.WRITTEN_OFF:  # else its loss is on the books already
        ledger.lose(
            session,
            account_id=attempt.account_id,
            run_id=attempt.run_id,
            provider=attempt.provider,
            attempt=attempt.id,
            amount=cost,
            subject=attempt.voice_id,
            confirmed=made.cost.charged_micros is not None,
        )


def _kind(kind: VoiceKind) -> TransferKind:
    return TransferKind.DESIGN if kind is VoiceKind.DESIGNED else TransferKind.CLONE
