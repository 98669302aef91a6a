"""Voices of a talent who is suspended: none is made, none has to speak, and what was held for them is free."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import ConsentRequired
from pipeline.references import service as references
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState
from pipeline.voices.service.moving import give_up_reserved, give_up_wanted


@dataclass(frozen=True)
class Withheld:
    """How many voices are not made, and how many have a paid call under way, which settles as always."""

    not_made: int
    under_way: int


def of_consents(session: Session, consent_ids: Sequence[str]) -> Sequence[str]:
    """Return the voices that were, or are to be, made under these consents."""
    return session.scalars(select(Voice.id).where(Voice.consent_id.in_(consent_ids)).order_by(Voice.id)).all()


def withhold(session: Session, voice_ids: Sequence[str], error: ConsentRequired) -> Withheld:
    """Let voices not be made as far as their calls are not sent, and say why."""
    not_made = give_up_wanted(session, Voice.id.in_(voice_ids), error.code, error.message)
    # Voices before budgets, as `reserve` takes them.
    not_made += give_up_reserved(session, Attempt.voice_id.in_(voice_ids), error.code, error.message)
    sent = Attempt.state.in_((AttemptState.SENDING, AttemptState.AMBIGUOUS))
    under_way = select(func.count()).select_from(Attempt).where(Attempt.voice_id.in_(voice_ids), sent)
    return Withheld(not_made, session.scalar(under_way) or 0)


def refusal(session: Session, voice: Voice) -> ConsentRequired | None:
    """Return why a voice may not speak at all, where its talent is suspended."""
    try:
        references.require_unsuspended(session, voice.consent_id)
    except ConsentRequired as error:
        return error
    return None
