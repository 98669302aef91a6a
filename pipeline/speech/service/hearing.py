"""Takes are listened to once they are spoken, off the provider's clock: each gets a verdict before its run is over.

As few hints are on their way as keep the listeners busy, so that a run of a million lines fills no queue; every run
that waits has its share of them.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import CTE, ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.db import leases
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.intake.models import Run
from pipeline.quality import Expectation, Outcome, Verdict, unjudged
from pipeline.speech.models import Take, is_audition
from pipeline.speech.rules import UNHEARD, HearingState, TakeKind, TakeState
from pipeline.speech.service.choosing import choose_heard
from pipeline.speech.service.closing import close_runs
from pipeline.speech.service.listening import Heard, Hearing, Utterance
from pipeline.speech.service.redoing import redo
from pipeline.speech.service.verdicts import is_unmade, kept
from pipeline.storage.port import StorageError

LEASE_SECONDS = 300.0
"""Longer than a listener may take with one take, its start included."""
MAX_HEARINGS = 3
"""How often a take is taken up before it is said to be unchecked."""
HINTS_PER_WORKER = 8
"""Takes on their way to the listeners: some two for each core of a usual machine, so that none waits for a message."""
AWAY_MS = 5_000
"""How soon a take is heard whose audio could not be fetched."""
EARLIER_TAKES = 3
"""Of a voice that this process has not met: they are heard again, to know what it sounds like."""
_COUNTED = {Outcome.GOOD: Run.heard_good, Outcome.BAD: Run.heard_bad, Outcome.UNCHECKED: Run.heard_unchecked}
_UNDER_WAY = (HearingState.SENT, HearingState.HEARING)


def is_busy() -> ColumnElement[bool]:
    """Say whether any take has yet to be heard."""
    return exists().where(Take.hearing.in_(UNHEARD))


def hear_next(session: Session) -> None:
    """Send the next takes to the listeners, as many as keep them busy, in equal shares of the runs that wait."""
    on_way = session.scalar(select(func.count()).where(Take.hearing.in_(_UNDER_WAY))) or 0
    room = HINTS_PER_WORKER * max(leases.alive(session, leases.WORKER), 1) - on_way
    if room <= 0:
        return
    runs = [run_id for run_id in session.scalars(select(_waiting_runs().c.run_id)) if run_id is not None]
    for run_id in runs[:room]:
        for take_id in _send(session, run_id, max(room // len(runs), 1)):
            emit(session, "take.spoken", take_id)


def begin_hearing(session: Session, take_id: str, holder: str) -> Hearing | None:
    """Claim a take to be listened to; None where somebody else has it, or it was heard."""
    states = (HearingState.SENT, HearingState.HEARING)
    take = leases.claim(session, Take, take_id, holder=holder, seconds=LEASE_SECONDS, hearing=states)
    if take is None:
        return None
    take.hearings = (take.hearings or 0) + 1
    session.flush()
    return Hearing(take.id, take.fence, take.hearings, _spoken(take), take.voice_id, is_plain=not take.pitch)


def earlier_takes(session: Session, voice_id: str) -> Sequence[Utterance]:
    """Return takes that tell how a voice sounds: its first words, and some that were found good."""
    of_voice = (Take.voice_id == voice_id, Take.state == TakeState.DONE, Take.object_key.is_not(None))
    first = select(Take).where(*of_voice, is_audition()).limit(1)
    # Unsorted: the first that are found, without looking at all that a voice has ever spoken.
    good = select(Take).where(*of_voice, Take.kind == TakeKind.LINE, Take.outcome == Outcome.GOOD)
    plain = good.where(Take.pitch.is_(None)).limit(EARLIER_TAKES)
    return [_spoken(take) for take in (*session.scalars(first), *session.scalars(plain))]


def settle_hearing(session: Session, hearing: Hearing, heard: Heard) -> None:
    """Write a verdict down, and do what follows from it; where there is none, the take is heard once more."""
    match heard:
        case StorageError():
            # The bucket's fault and not the take's: it does not count.
            again = {"hearings": hearing.tries - 1, "not_before": now_ms() + AWAY_MS}
            leases.settle(session, Take, hearing.id, hearing.fence, hearing=HearingState.DUE, **again)
        case Verdict():
            _settle(session, hearing.id, hearing.fence, hearing.tries, heard)
    hear_next(session)


def sweep_hearings(session: Session) -> None:
    """Take back what nobody listens to any more, and send what is due."""
    lost = update(Take).where(Take.hearing == HearingState.SENT, leases.lapsed(Take))
    session.execute(lost.values(hearing=HearingState.DUE, lease_until=None))
    abandoned = select(Take.id, Take.fence, Take.hearings)
    for row in session.execute(abandoned.where(Take.hearing == HearingState.HEARING, leases.lapsed(Take))).all():
        _settle(session, row.id, row.fence, row.hearings or 0, unjudged("whoever listened to it has died"))
    hear_next(session)


def _settle(session: Session, take_id: str, fence: int, tries: int, verdict: Verdict) -> None:
    if is_unmade(verdict) and tries < MAX_HEARINGS:
        leases.settle(session, Take, take_id, fence, hearing=HearingState.DUE)
        return
    told = {"outcome": verdict.outcome, "verdict": kept(verdict), "heard_at": now_ms()}
    if leases.settle(session, Take, take_id, fence, hearing=None, **told):
        _conclude(session, session.get_one(Take, take_id, populate_existing=True))


def _conclude(session: Session, take: Take) -> None:
    """Do what follows from a verdict: a good take is chosen, a bad one is made once more where that is allowed."""
    if take.alternative_of is not None:
        choose_heard(session, take)
    if take.outcome is Outcome.BAD:
        take.verdict = {**(take.verdict or {}), "sequel": redo(session, take)}
        session.flush()
    # After the account, whose lock a retake needs: whoever plans has that one before a run's.
    column = _COUNTED[take.outcome or Outcome.UNCHECKED]
    session.execute(update(Run).where(Run.id == take.run_id).values({column: column + 1}))
    still = exists().where(Take.hearing.in_(UNHEARD), Take.run_id == take.run_id)
    if not session.scalar(select(still)):
        close_runs(session)


def _waiting_runs() -> CTE:
    """Select the runs whose takes are due, by one step in the index from each to the next."""
    is_due = Take.hearing == HearingState.DUE
    earliest = select(Take.run_id).where(is_due).order_by(Take.run_id).limit(1)
    runs = select(earliest.scalar_subquery().label("run_id")).cte("waiting_runs", recursive=True)
    after = earliest.where(Take.run_id > runs.c.run_id).correlate(runs).scalar_subquery()
    return runs.union_all(select(after).where(runs.c.run_id.is_not(None)))


def _send(session: Session, run_id: str, most: int) -> Iterator[str]:
    """Mark the first takes of a run that are due as sent, and yield them."""
    due = (Take.hearing == HearingState.DUE, Take.run_id == run_id, Take.not_before <= now_ms())
    # Locked apart from the change, and not waited for: two that send at once would lock them in different orders.
    free = select(Take.id).where(*due).order_by(Take.id).limit(most).with_for_update(skip_locked=True).cte("free")
    # That they are due is not said again: SQLite would read all that is due to find these.
    sending = update(Take).where(Take.id.in_(select(free.c.id)))
    lease = {"lease_until": now_ms() + leases.HINT_SECONDS * 1000, "holder": None}
    returning = sending.values(hearing=HearingState.SENT, **lease).returning(Take.id)
    yield from sorted(session.scalars(returning.execution_options(synchronize_session=False)))


def _spoken(take: Take) -> Utterance:
    expected = Expectation(take.text, take.language, take.speed or 1.0, acted=take.emotion is not None)
    return Utterance(take.object_key or "", take.format, expected)
