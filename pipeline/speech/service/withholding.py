"""Takes of a talent who is suspended: what is not begun is blocked, step by step; what is being spoken is finished."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from pipeline.errors import ConsentRequired
from pipeline.provider.errors import MESSAGE_LIMIT
from pipeline.speech.models import Take
from pipeline.speech.rules import UNBEGUN, TakeKind, TakeState
from pipeline.speech.service.blocking import STEP, block

_TURN = tuple(reversed(UNBEGUN))
"""What could start next is blocked first."""
Unbegun = Row[str, TakeKind, str, str]


@dataclass
class Withheld:
    """What was blocked: takes by kind, and for which runs with which providers."""

    takes: Counter[TakeKind] = field(default_factory=Counter)
    runs: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    is_whole: bool = True
    """Whether nothing was left for another step."""

    def add(self, step: "Withheld") -> None:
        """Add what one more step has blocked."""
        self.takes.update(step.takes)
        self.runs |= step.runs
        self.providers |= step.providers
        self.is_whole = step.is_whole


def withhold(session: Session, voice_ids: Sequence[str], error: ConsentRequired) -> Withheld:
    """Block takes of these voices that nobody is speaking, and say why on each: one step of them, where they are many.

    What somebody is claiming at this moment is left to the claim, which is refused.
    """
    rows = list(_unbegun(session, voice_ids))
    message = error.message[:MESSAGE_LIMIT]
    block(session, Take.id.in_([row.id for row in rows]), error_kind=error.code, error=message)
    return Withheld(
        takes=Counter(row.kind for row in rows),
        runs={row.run_id for row in rows},
        providers={row.provider for row in rows},
        is_whole=len(rows) < STEP,
    )


def being_spoken(session: Session, voice_ids: Sequence[str]) -> int:
    """Count the takes of these voices that are under way: they are finished, and paid for."""
    speaking = (Take.voice_id.in_(voice_ids), Take.state == TakeState.SPEAKING)
    return session.scalar(select(func.count()).select_from(Take).where(*speaking)) or 0


def _unbegun(session: Session, voice_ids: Sequence[str]) -> Iterator[Unbegun]:
    left = STEP
    for state in _TURN:
        for voice_id in voice_ids:
            # Unsorted: the index holds them nearly as they were asked for, and sorting would look at all of them.
            some = select(Take.id, Take.kind, Take.run_id, Take.provider)
            some = some.where(Take.voice_id == voice_id, Take.state == state).limit(left)
            found = session.execute(some.with_for_update(skip_locked=True)).all()
            yield from found
            left -= len(found)
            if not left:
                return
