"""What became of a paid call whose answer nobody read: evidence, best first, and never a second call without it."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Select, and_, bindparam, cast, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from pipeline import crash
from pipeline.db.clock import now_ms
from pipeline.ledger import service as ledger
from pipeline.provider.errors import MESSAGE_LIMIT, ProviderError
from pipeline.provider.port import Balances, Capabilities, Doubt, Finding, Truth, VoiceProvider
from pipeline.storage.port import ObjectStore, StorageError
from pipeline.voices.models import Attempt
from pipeline.voices.rules import AttemptState, Move, judge, next_check_ms, quiet_at
from pipeline.voices.service.sending import OLDEST_READING_MS, Job, describe, recording, request
from pipeline.voices.service.settling import disprove, refer, take_in, tell_next

AWAY = "away"
"""The source of a finding where nobody could be asked."""

WRITTEN_MS = 10_000
"""A row is committed within so long of the time it bears."""


def _all_parked() -> Select[int]:
    sent, waiting = aliased(Attempt), aliased(Attempt)
    referred = and_(waiting.state == AttemptState.OPERATOR, waiting.settled_at < sent.sent_at - OLDEST_READING_MS)
    turn = and_(
        waiting.state == AttemptState.RESERVED, waiting.exclusive == 1, waiting.created_at < sent.sent_at - WRITTEN_MS
    )
    total = cast(func.coalesce(func.sum(waiting.price), 0), BigInteger)
    both = (sent.id == bindparam("attempt_id"), waiting.provider == sent.provider, or_(referred, turn))
    return select(total).where(*both)


# Two copies of a wide table cost more to put together than to ask; each look at the evidence asks twice.
_PARKED = _all_parked()


@dataclass(frozen=True)
class Doubted:
    """An attempt whose outcome is unknown, and what was on the books before it was sent and now.

    `parked` is what `parked()` has returned now, and `asked_at` when the evidence began to be looked at, in
    milliseconds of the database's clock.
    """

    job: Job
    fence: int
    price: int
    balance_before: int | None
    spent_before: int
    estimated_before: int
    committed_before: int
    spend: ledger.KnownSpend
    parked: int
    asked_at: int


def doubted(session: Session, attempt_id: str) -> Doubted | None:
    """Return an attempt in doubt, or None where it is so no more."""
    attempt = session.scalar(select(Attempt).where(Attempt.id == attempt_id, Attempt.state == AttemptState.AMBIGUOUS))
    if attempt is None:
        return None
    return Doubted(
        job=describe(session, attempt),
        fence=attempt.fence,
        price=attempt.price,
        balance_before=attempt.balance_before,
        spent_before=attempt.spent_before or 0,
        estimated_before=attempt.estimated_before or 0,
        committed_before=attempt.committed_before or 0,
        asked_at=session.scalar(select(now_ms())) or 0,
        spend=ledger.known_spend(session, attempt.provider),
        parked=parked(session, attempt.id),
    )


def parked(session: Session, attempt_id: str) -> int:
    """Return the price of all that waits since before an attempt was sent, in micro-dollars: for a person, or its turn.

    Whether what waits for a person was charged nobody knows; but nothing of it happens any more. What waits until this
    attempt is over is not sent before. So neither is in a difference of two balances.
    Read after the books: who decides in between only makes it less, and the evidence weaker.
    """
    return session.scalar(_PARKED, {"attempt_id": attempt_id}) or 0


def balances(doubted: Doubted, balance: int | None, after: ledger.KnownSpend, parked_after: int) -> Balances | None:
    """Return what the balance may have lost to our other calls since the attempt was sent.

    `after` is what the books say once the balance was read, as `doubted.spend` is what they said before: what was
    charged when it was read lies between the two, and the same holds for the reading before the attempt was sent.
    """
    if balance is None or doubted.balance_before is None:
        return None
    newly_estimated = max(0, doubted.spend.estimated - doubted.estimated_before)
    least = doubted.spend.spent - newly_estimated - (doubted.committed_before - doubted.parked)
    most = after.committed - doubted.price - parked_after - doubted.spent_before
    return Balances(doubted.balance_before, balance, others_low=least, others_high=most)


def look(provider: VoiceProvider, store: ObjectStore, doubted: Doubted, balances: Balances | None) -> Finding:
    """Ask the provider what became of the attempt; where it cannot be asked nothing is known."""
    try:
        # Asking again under the same id takes the whole request; any other evidence does without the recording.
        sent = recording(store, doubted.job) if provider.capabilities().client_chosen_id else b""
        found = provider.reconcile_voice(Doubt(request(doubted.job, sent), doubted.price, balances))
    except (ProviderError, StorageError) as error:
        found = Finding(Truth.UNKNOWN, AWAY, f"The evidence could not be looked at: {error}")
    crash.here("in_reconcile")
    return found


def resolve(
    session: Session, doubted: Doubted, found: Finding, *, capabilities: Capabilities, quiescence_seconds: float
) -> bool:
    """Settle an attempt by evidence; False where it proves nothing yet and is looked at again later."""
    attempt = session.get_one(Attempt, doubted.job.id, populate_existing=True, with_for_update=True)
    if attempt.state is not AttemptState.AMBIGUOUS or attempt.fence != doubted.fence:
        if found.voice is not None:  # somebody was faster, perhaps without having seen the voice
            take_in(session, attempt, found.voice, capabilities=capabilities)
        return True
    # Nothing is given up early because nobody could be asked: that is as often the cause of the doubt itself.
    ended = bool(attempt.sender_ended) and found.source != AWAY
    quiet = decided_by(attempt, capabilities, quiescence_seconds, sender_ended=ended)
    # Whoever slept between look and verdict has seen what was true then, and not what has come since.
    is_quiet = doubted.asked_at >= quiet
    # The voice of a call that was charged may show in the list, or be in the answer its sender is still waiting for.
    may_show_later = capabilities.lists_own_voices or not attempt.sender_ended
    judged = judge(found.truth, quiet=is_quiet, may_show_later=may_show_later)
    if judged.move is Move.SUCCEED and found.voice is not None:
        take_in(session, attempt, found.voice, capabilities=capabilities)
    elif judged.move is Move.DISPROVE:
        disprove(session, attempt, "not_made", found.told)
    elif judged.move is Move.REFER:
        refer(session, attempt, judged.verdict or "unknown", found.told)
    else:
        _look_again(session, attempt, found.told, quiet)
    if judged.move is not None:
        tell_next(session, attempt.provider)
    crash.here("reconcile_tx")
    return judged.move is not None


def decided_by(attempt: Attempt, capabilities: Capabilities, quiescence_seconds: float, *, sender_ended: bool) -> int:
    """Return when the evidence for an attempt in doubt is final, in milliseconds of the database's clock."""
    return quiet_at(
        attempt.doubted_at or 0,
        sender_ended=sender_ended,
        quiescence_ms=int(quiescence_seconds * 1000),
        lateness_ms=int(capabilities.lateness_seconds * 1000),
    )


def _look_again(session: Session, attempt: Attempt, told: str, quiet: int) -> None:
    # Not later than the moment from which absence counts: until then others may wait for this one.
    soon = now_ms() + next_check_ms(attempt.checks)
    waiting = update(Attempt).where(Attempt.id == attempt.id, Attempt.state == AttemptState.AMBIGUOUS)
    values = {"checks": attempt.checks + 1, "error": told[:MESSAGE_LIMIT], "holder": None, "lease_until": None}
    session.execute(waiting.values(not_before=soon, **values))
    session.execute(waiting.where(Attempt.not_before > quiet, now_ms() < quiet).values(not_before=quiet))
