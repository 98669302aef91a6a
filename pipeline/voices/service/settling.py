"""Settling an attempt: what the answer to its one call does to voice, owner and money, in one transaction."""

import structlog
from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.db.leases import rowcount
from pipeline.intake import service as intake
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.provider.errors import AccountBlocked, ProviderError
from pipeline.provider.port import Capabilities, ChargeMoment, VoiceResult
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import (
    MAX_ATTEMPTS,
    TRANSITIONS,
    AttemptState,
    Move,
    OrphanState,
    VoiceKind,
    VoiceState,
    late_move,
    verdict,
)
from pipeline.voices.service.marking import fail, mark
from pipeline.voices.service.sending import Claim

RETRY_SECONDS = 5.0

log = structlog.get_logger()


def settle(session: Session, claim: Claim, outcome: VoiceResult | ProviderError, *, capabilities: Capabilities) -> None:
    """Record the outcome of a sent attempt: voice, owner and charge in this one transaction.

    It may come late, or twice: what the attempt's state no longer allows changes nothing, and a voice nobody
    waits for any more is kept as an orphan.
    """
    attempt = session.get_one(Attempt, claim.attempt_id, populate_existing=True, with_for_update=True)
    in_time = attempt.state is AttemptState.SENDING and attempt.fence == claim.fence
    if isinstance(outcome, VoiceResult):
        if not succeed(session, attempt, outcome, capabilities=capabilities):
            _keep_orphan(session, attempt, outcome)
    elif in_time:
        _miss(session, attempt, outcome)
    else:
        _miss_late(session, attempt, outcome)
    crash.here("in_result_tx")
    tell_next(session, attempt.provider)


def succeed(session: Session, attempt: Attempt, made: VoiceResult, *, capabilities: Capabilities) -> bool:
    """Make the voice ours; False where the attempt's state allows it no more, and nothing was changed."""
    if _is_taken(session, attempt, made.provider_voice_id):
        return refer(session, attempt, "unknown", f"the voice id {made.provider_voice_id} belongs to another row")
    values = {"provider_voice_id": made.provider_voice_id, "evidence": made.raw, "settled_at": now_ms()}
    if not move(session, attempt, Move.SUCCEED, error_kind=None, error=None, verdict=None, **values):
        return False
    if capabilities.charge_moment is not ChargeMoment.FIRST_USE:
        pay(session, attempt, made.cost.charged_micros)
    own(session, attempt, made.provider_voice_id, lapses_at=_lapses_at(session, attempt, made, capabilities))
    return True


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
    kind = TransferKind.DESIGN if attempt.kind is VoiceKind.DESIGNED else TransferKind.CLONE
    ledger.settle(session, attempt.id, ledger.Payment(kind, attempt.provider, charged, attempt.voice_id))


def pay_first_use(session: Session, voice_id: str) -> None:
    """Book the fee of a voice whose provider charges it when the voice first speaks; harmless for any other."""
    made = (Attempt.voice_id == voice_id, Attempt.state == AttemptState.SUCCEEDED)
    for attempt in session.scalars(select(Attempt).where(*made)):
        pay(session, attempt, None)


def doubt(session: Session, attempt: Attempt, kind: str, message: str, *, raw: str = "", sender_ended: bool) -> None:
    """Record that a sent attempt may have happened; its money stays held and the evidence is looked for."""
    told = {"error_kind": kind, "error": message, "evidence": raw or None}
    doubted = {"doubted_at": now_ms(), "sender_ended": int(sender_ended), "not_before": now_ms(), "checks": 0}
    if move(session, attempt, Move.DOUBT, **told, **doubted):
        mark(session, attempt.voice_id, VoiceState.MAKING, "outcome_unknown", message)
        emit(session, "attempt.doubted", attempt.id)


def refer(session: Session, attempt: Attempt, why: str, message: str) -> bool:
    """Hand an attempt to a person: no evidence tells what became of it, or the voice it paid for is lost."""
    if not move(session, attempt, Move.REFER, verdict=why, error=message[:500], settled_at=now_ms()):
        return False
    mark(session, attempt.voice_id, VoiceState.UNCLEAR, "needs_reconcile", message)
    emit(session, "voice.failed", attempt.voice_id)
    log.error("needs_reconcile", attempt=attempt.id, verdict=why)
    return True


def disprove(session: Session, attempt: Attempt, kind: str, message: str, *, move_by: Move = Move.DISPROVE) -> bool:
    """Record that an attempt did not happen: its money is free, and the voice is made by a new one."""
    if not move(session, attempt, move_by, error_kind=kind, error=message[:500], settled_at=now_ms()):
        return False
    ledger.release(session, attempt.id)
    tries = select(func.count()).where(Attempt.voice_id == attempt.voice_id, Attempt.run_id == attempt.run_id)
    if (session.scalar(tries) or 0) < MAX_ATTEMPTS and not intake.is_stopped(session, attempt.run_id):
        mark(session, attempt.voice_id, VoiceState.WANTED, kind, message)
        emit(session, "voice.wanted", attempt.voice_id)
    else:
        fail(session, attempt.voice_id, kind, message)
    return True


def move(session: Session, attempt: Attempt, by: Move, **values: object) -> bool:
    """Make one transition by one conditional UPDATE; False where the attempt's state or fence does not allow it."""
    transition = TRANSITIONS[by]
    moving = update(Attempt).where(
        Attempt.id == attempt.id, Attempt.fence == attempt.fence, Attempt.state.in_(transition.before)
    )
    freed = {"state": transition.after, "holder": None, "lease_until": None}
    return rowcount(session, moving.values(**freed, **values)) == 1


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
    ledger.release(session, attempt.id)
    if isinstance(error, AccountBlocked):
        # The request was right: it is made anew once the account can pay, and no voice fails until then.
        block = provider_account.Block.of(error)
        provider_account.block(session, attempt.provider, kind=block, message=error.message, needs=attempt.price)
        mark(session, attempt.voice_id, VoiceState.WANTED, block, error.message)
    else:
        fail(session, attempt.voice_id, error.kind, error.message)


def _miss_late(session: Session, attempt: Attempt, error: ProviderError) -> None:
    # Its outcome is in doubt by now, and this is the answer to its one call: the best evidence there is.
    late = late_move(verdict(error.kind).move)
    if late is Move.DISPROVE:
        disprove(session, attempt, error.kind, error.message)
    elif late is Move.REJECT:
        _reject(session, attempt, error)
    else:
        in_doubt = update(Attempt).where(Attempt.id == attempt.id, Attempt.state == AttemptState.AMBIGUOUS)
        session.execute(in_doubt.values(sender_ended=1, evidence=error.raw or error.message))


def _keep_orphan(session: Session, attempt: Attempt, made: VoiceResult) -> None:
    """Keep a voice whose attempt was given up before its answer came: it is paid for, and a person may adopt it."""
    known = attempt.state is AttemptState.SUCCEEDED and attempt.provider_voice_id == made.provider_voice_id
    if known or attempt.state is AttemptState.OPERATOR:
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
        )


def _is_taken(session: Session, attempt: Attempt, provider_voice_id: str) -> bool:
    twin = (Voice.provider == attempt.provider, Voice.provider_voice_id == provider_voice_id)
    mine = Voice.id == attempt.voice_id
    taken = exists().where(*twin, ~mine, Voice.kind != VoiceKind.SYSTEM)
    return bool(session.scalar(select(taken)))


def _lapses_at(session: Session, attempt: Attempt, made: VoiceResult, capabilities: Capabilities) -> int | None:
    if capabilities.activation_deadline_seconds is None:
        return None
    made_at = made.made_at_ms or provider_account.provider_now(session, attempt.provider)
    return made_at + capabilities.activation_deadline_seconds * 1000


def tell_next(session: Session, provider: str) -> None:
    """Hint at the attempt that waits for this one to be over, where only one may be under way."""
    due = (Attempt.provider == provider, Attempt.state == AttemptState.RESERVED, Attempt.exclusive == 1)
    waiting = select(Attempt.id).where(*due, Attempt.not_before <= now_ms()).order_by(Attempt.id).limit(1)
    following = session.scalar(waiting)
    if following:
        emit(session, "attempt.reserved", following)
