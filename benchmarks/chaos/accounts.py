"""What is left when the storm is over: both sides' books, compared to the micro-dollar."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.intake.models import Line
from pipeline.ledger.models import Hold, HoldState, Transfer, TransferKind
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind, TakeState
from pipeline.storage.port import ObjectStore
from pipeline.voices.models import Attempt, Orphan, Voice
from pipeline.voices.rules import AttemptState, OrphanState, VoiceState
from tests.support.faults.ledgers import Rows

Sale = tuple[str, int]
"""What was sold, a line of this voice or the voice of this label, and for how many micro-dollars."""


@dataclass(frozen=True)
class Money:
    """Both books, sale by sale; amounts in micro-dollars."""

    charged: int
    booked: int
    unbooked: Counter[Sale]
    """Taken by the provider and not in our books."""
    unknown: Counter[Sale]
    """Confirmed in our books and unknown to the provider."""
    too_much: int
    """Booked at the estimate for calls that never reached the provider."""

    @property
    def agree(self) -> bool:
        """Tell whether what we have booked is what was taken, and what is known to be booked too much."""
        return not self.unbooked and not self.unknown and self.booked == self.charged + self.too_much


def lost_lines(session: Session, store: ObjectStore) -> int:
    """Count the lines that are not spoken, or whose audio is not in the bucket as it was stored."""
    query = select(Line.line_id, Take).outerjoin(Take, Take.fingerprint == Line.fingerprint)
    return sum(not _is_there(take, store) for _, take in session.execute(query))


def duplicate_clones(session: Session, theirs: Rows) -> int:
    """Count what the provider has charged for voices beyond one for each that is ours and each written off."""
    attempts = session.scalars(select(Attempt)).all()
    voices = {attempt.label: attempt.voice_id for attempt in attempts}
    charged = Counter(voices[label] for label in charged_labels(theirs))
    kept = (AttemptState.SUCCEEDED, AttemptState.WRITTEN_OFF)
    accounted = Counter(attempt.voice_id for attempt in attempts if attempt.state in kept)
    return (charged - accounted).total()


def duplicate_speech(session: Session, theirs: Rows) -> int:
    """Count the charges for lines beyond one for each that is spoken."""
    spoken = session.scalar(select(func.count()).select_from(Take).where(Take.state == TakeState.DONE)) or 0
    charged: int = sum(row["operation"] == "speech" for row in theirs["charges"])
    return charged - spoken


def double_settled(session: Session) -> int:
    """Count what was settled more than once: attempts paid twice, and voices that have two attempts to thank."""
    paid = select(Transfer.attempt).where(Transfer.kind != TransferKind.REFUND).group_by(Transfer.attempt)
    made = select(Attempt.voice_id).where(Attempt.state == AttemptState.SUCCEEDED).group_by(Attempt.voice_id)
    twice = (query.having(func.count() > 1) for query in (paid, made))
    return sum(len(session.execute(query).all()) for query in twice)


def unresolved(session: Session) -> int:
    """Count what still waits: doubts, late voices, unfinished voices and lines, money that is held."""
    open_attempts = [state for state in AttemptState if state.is_open()]
    questions = (
        select(Attempt.id).where(Attempt.state.in_(open_attempts)),
        select(Orphan.id).where(Orphan.state == OrphanState.OPEN),
        select(Voice.id).where(Voice.state != VoiceState.READY),
        # Not the first words of a voice: once a line of it is spoken they are not needed.
        select(Take.id).where(Take.state != TakeState.DONE, Take.kind == TakeKind.LINE),
        select(Hold.attempt).where(Hold.state == HoldState.OPEN),
    )
    return sum(len(session.scalars(question).all()) for question in questions)


def written_off(session: Session) -> int:
    """Count the voices that were charged and are lost, which a person has taken as a loss."""
    return len(session.scalars(select(Attempt.id).where(Attempt.state == AttemptState.WRITTEN_OFF)).all())


def compare_money(session: Session, theirs: Rows) -> Money:
    """Set each charge of the provider against a booking of ours for the same thing at the same price."""
    charged = Counter(_sales(theirs))
    confirmed, estimated = (Counter(_bookings(session, source)) for source in ("provider", "estimate"))
    unanswered = charged - confirmed
    return Money(
        charged=_sum(charged),
        booked=_sum(confirmed) + _sum(estimated),
        unbooked=unanswered - estimated,
        unknown=confirmed - charged,
        too_much=_sum(estimated - unanswered),
    )


def charged_labels(theirs: Rows) -> Sequence[str]:
    """Return the labels of the voices that the provider has charged, as its own console shows them."""
    return [label for label, _ in _voices_sold(theirs)]


def _voices_sold(theirs: Rows) -> Iterable[Sale]:
    labels = {call["request_id"]: call["label"] for call in theirs["calls"]}
    for row in theirs["charges"]:
        if row["operation"] != "speech":
            yield labels[row["request_id"]], row["amount"]


def _sales(theirs: Rows) -> Iterable[Sale]:
    yield from _voices_sold(theirs)
    yield from ((row["voice_id"], row["amount"]) for row in theirs["charges"] if row["operation"] == "speech")


def _bookings(session: Session, source: str) -> Iterable[Sale]:
    takes = select(Voice.provider_voice_id, Transfer.amount).join(Take, Take.voice_id == Voice.id)
    made = select(Attempt.label, Transfer.amount).join(Transfer, Transfer.attempt == Attempt.id)
    for query in (takes.join(Transfer, Transfer.subject == Take.id), made):
        yield from ((sold or "", amount) for sold, amount in session.execute(query.where(Transfer.source == source)))


def _is_there(take: Take | None, store: ObjectStore) -> bool:
    if take is None or take.state is not TakeState.DONE or take.object_key is None:
        return False
    found = store.head(take.object_key)
    return found is not None and found.size == take.size


def _sum(sales: Counter[Sale]) -> int:
    return sum(amount * count for (_, amount), count in sales.items())
