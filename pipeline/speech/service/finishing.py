"""Takes that were spoken and stored: settled together with their charges, each only under its own claim."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.intake.models import Run
from pipeline.ledger import service as ledger
from pipeline.ledger.models import TransferKind
from pipeline.speech.models import Take
from pipeline.speech.rules import HearingState, TakeKind, TakeState
from pipeline.speech.service.attempt import Ended, Stored
from pipeline.speech.service.blocking import close_doubts
from pipeline.speech.service.choosing import choose_finished
from pipeline.speech.service.hearing import hear_next
from pipeline.speech.service.streaks import note_success
from pipeline.voices import service as voices
from pipeline.voices.models import Voice

_LIVE = (
    select(Take.id, Take.fence, Take.run_id, Take.alternative_of, Take.kind, Run.retakes)
    .join(Run, Run.id == Take.run_id)
    .where(Take.id.in_(bindparam("takes", expanding=True)))
    # Without the holder a claim that was taken back would pass under the lease of a message sent since.
    .where(Take.holder.is_not(None), Take.lease_until.is_not(None))
    .order_by(Take.id)
    .with_for_update(of=Take)
)
_ONE = update(Take).where(Take.id == bindparam("take"))
_DONE = _ONE.where(Take.fence == bindparam("claimed"), Take.holder.is_not(None)).values(
    state=TakeState.DONE,
    done_at=now_ms(),
    lease_until=None,
    holder=None,
    error_kind=None,
    error=None,
    cost=Take.cost + bindparam("paid"),
    hearing=bindparam("heard_next"),
    hearings=None,
    **{name: bindparam(f"new_{name}") for name in ("object_key", "size", "sha256", "content_type", "seconds", "chars")},
)
_PAID = _ONE.values(cost=Take.cost + bindparam("paid"))


def settle_done(session: Session, ended: Sequence[Ended]) -> None:
    """Settle attempts whose audio is stored, with what they cost; where a claim has ended, only that."""
    if not ended:
        return
    ended = list({_name(attempt): attempt for attempt in ended}.values())
    live = _live(session, ended)
    paid = ledger.settle_all(session, {_name(attempt): _payment(attempt) for attempt in ended})
    done = [
        attempt for attempt in ended if attempt.job.id in live and live[attempt.job.id].fence == attempt.claim.fence
    ]
    late = [attempt for attempt in ended if attempt not in done and paid.get(_name(attempt))]
    connection = session.connection()
    if done:
        connection.execute(_DONE, [_settled(a, live[a.job.id], paid.get(_name(a), 0)) for a in done])
    if late:
        connection.execute(_PAID, [{"take": a.job.id, "paid": paid[_name(a)]} for a in late])
    for attempt in done:
        if attempt.claim.fence > 1:
            close_doubts(session, attempt.job.id, attempt.job.provider)
        if not attempt.job.voice_has_spoken:
            _note_voice_spoke(session, attempt.job.voice_id)
    heard = [live[a.job.id] for a in done if _is_heard(live[a.job.id])]
    others = (a for a in done if live[a.job.id] not in heard)
    choose_finished(session, {a.job.fingerprint for a in others if live[a.job.id].alternative_of is not None})
    if heard:
        hear_next(session)
    note_success(session, {live[attempt.job.id].run_id for attempt in done})


Live: TypeAlias = Row[str, int, str, str | None, TakeKind, int | None]


def _live(session: Session, ended: Sequence[Ended]) -> Mapping[str, Live]:
    """Lock the takes that are claimed; return the fence and the run of each, and what follows once it is spoken."""
    locked = session.connection().execute(_LIVE, {"takes": [attempt.job.id for attempt in ended]})
    return {row.id: row for row in locked}


def _is_heard(live: Live) -> bool:
    """Tell whether the quality gate is to hear a take before it counts."""
    return live.retakes is not None and live.kind is TakeKind.LINE


def _settled(attempt: Ended, live: Live, paid: int) -> dict[str, object]:
    stored = _stored(attempt)
    return {
        "take": attempt.job.id,
        "claimed": attempt.claim.fence,
        "paid": paid,
        "heard_next": HearingState.DUE if _is_heard(live) else None,
        "new_object_key": attempt.job.key,
        "new_size": stored.size,
        "new_sha256": stored.sha256,
        "new_content_type": stored.content_type,
        "new_seconds": stored.seconds,
        "new_chars": stored.chars,
    }


def _payment(attempt: Ended) -> ledger.Payment:
    stored = _stored(attempt)
    return ledger.Payment(TransferKind.SPEECH, attempt.job.provider, stored.cost, attempt.job.id, stored.chars)


def _stored(attempt: Ended) -> Stored:
    if not isinstance(attempt.outcome, Stored):
        raise TypeError("only what is stored is settled as done")
    return attempt.outcome


def _name(attempt: Ended) -> str:
    return attempt.claim.attempt(attempt.job.id)


def _note_voice_spoke(session: Session, voice_id: str) -> None:
    silent = session.scalar(select(Voice.id).where(Voice.id == voice_id, Voice.spoke_at.is_(None)))
    if silent:
        session.execute(update(Voice).where(Voice.id == voice_id).values(spoke_at=now_ms()))
        voices.pay_first_use(session, voice_id)
