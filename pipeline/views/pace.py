"""How fast a run goes on, and how long the rest of it takes: until it is spoken, and heard where that is due."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.intake.models import Run, RunState
from pipeline.speech.models import Take
from pipeline.speech.rules import HearingState

PACE_MS = 30_000
"""The last while, whose pace tells how long the rest will take."""
SAMPLE = 200
"""Takes that are looked at to learn how fast the gate hears them: there may be a million behind."""
_UNDER_WAY = (HearingState.SENT, HearingState.HEARING)


def pace(session: Session, run: Run, *, to_speak: int, to_hear: int, now: int) -> dict[str, float | None]:
    """Tell takes a second of the last while, and the seconds until the rest is spoken, and heard where that is due.

    `to_hear` are spoken already. A while begins when the run was last resumed: what it stood still is in neither.
    """
    if run.state is not RunState.RUNNING or run.paused_at is not None:
        return {"takes_per_second": None, "eta_seconds": None}
    since = max(now - PACE_MS, run.created_at, run.resumed_at or 0)
    speaking = _speaking_pace(session, run.id, since, now)
    left = [(to_speak, speaking)]
    if run.retakes is not None:
        left.append((to_speak + to_hear, _hearing_pace(session, run.id, since, now)))
    return {"takes_per_second": speaking, "eta_seconds": _longest(left)}


def _longest(left: Sequence[tuple[int, float]]) -> float | None:
    """Return the seconds of what takes longest, since all of it goes on at once; None where one pace is not known."""
    waiting = [(takes, rate) for takes, rate in left if takes]
    if not waiting or not all(rate for _, rate in waiting):
        return None
    return max(takes / rate for takes, rate in waiting)


def _speaking_pace(session: Session, run_id: str, since: int, now: int) -> float:
    # Of what it pays for: joined with what it asks for, PostgreSQL looked at all of it where it had no statistics yet.
    lately = (Take.run_id == run_id, Take.done_at > since)
    spoken, first = session.execute(select(func.count(), func.min(Take.done_at)).where(*lately)).one()
    later = _later(session, lately, first) if first is not None else 0
    return _rate(spoken, later, since, first, now)


def _later(session: Session, lately: Sequence[ColumnElement[bool]], first: int) -> int:
    """Return how many takes were spoken after the first ones of a while."""
    return session.scalar(select(func.count()).where(*lately, Take.done_at > first)) or 0


def _hearing_pace(session: Session, run_id: str, since: int, now: int) -> float:
    """Return takes heard a second, by the last that were spoken before those that are being heard now."""
    # By when they were spoken, for which there is an index; they are heard in about that order.
    head = select(func.max(Take.done_at)).where(Take.hearing.in_(_UNDER_WAY), Take.run_id == run_id)
    before = select(Take.heard_at).where(Take.run_id == run_id, Take.done_at <= (session.scalar(head) or now))
    found = session.scalars(before.order_by(Take.done_at.desc()).limit(SAMPLE))
    heard = [at for at in found if at is not None and at > since]
    first = min(heard, default=None)
    return _rate(len(heard), sum(at > first for at in heard if first is not None), since, first, now)


def _rate(takes: int, later: int, since: int, first: int | None, now: int) -> float:
    """Return takes a second since the first of them, of which `later` came after it."""
    if first is not None and later:
        # What it took to begin would make a young run look slow.
        takes, since = later, first
    return takes / (max(now - since, 1) / 1000)
