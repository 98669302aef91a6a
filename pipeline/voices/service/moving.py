"""How far an attempt is: each transition is one conditional UPDATE; and what is not sent yet is given up."""

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.leases import rowcount
from pipeline.ledger import service as ledger
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import TRANSITIONS, AttemptState, Move, VoiceState
from pipeline.voices.service.marking import fail


def move(session: Session, attempt: Attempt, by: Move, **values: object) -> bool:
    """Make one transition by one conditional UPDATE; False where the attempt's state or fence does not allow it."""
    transition = TRANSITIONS[by]
    moving = update(Attempt).where(
        Attempt.id == attempt.id, Attempt.fence == attempt.fence, Attempt.state.in_(transition.before)
    )
    freed = {"state": transition.after, "holder": None, "lease_until": None}
    return rowcount(session, moving.values(**freed, **values)) == 1


def give_up(session: Session, attempt: Attempt, problem: str, message: str) -> bool:
    """Give up an attempt that was not sent, and say why: its money is free, its voice waits for the next run.

    False where it is sent by now.
    """
    if not move(session, attempt, Move.GIVE_UP, settled_at=now_ms()):
        return False
    ledger.release(session, attempt.id)
    fail(session, attempt.voice_id, problem, message)
    return True


def give_up_wanted(session: Session, which: ColumnElement[bool], problem: str, message: str) -> int:
    """Fail the voices that nothing is held for yet, and return how many; what somebody is at is left to others."""
    unreserved = select(Voice.id).where(which, Voice.state == VoiceState.WANTED).order_by(Voice.id)
    given_up = session.scalars(unreserved.with_for_update(skip_locked=True)).all()
    for voice_id in given_up:
        fail(session, voice_id, problem, message)
    return len(given_up)


def give_up_reserved(session: Session, which: ColumnElement[bool], problem: str, message: str) -> int:
    """Give up the attempts that are not sent, and return how many; what somebody is at is left to others."""
    reserved = select(Attempt).where(which, Attempt.state == AttemptState.RESERVED).order_by(Attempt.id)
    unsent = session.scalars(reserved.with_for_update(skip_locked=True)).all()
    return sum(give_up(session, attempt, problem, message) for attempt in unsent)
