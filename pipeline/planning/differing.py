"""What of a sound has changed where text and voice have not: the take that speaks the line so far tells."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.planning.rules import PlannedLine, Reason
from pipeline.speech.models import Take
from pipeline.speech.rules import Sound


class Spoken(NamedTuple):
    """What was sent for a take."""

    model: str
    text: str


def spoken_before(session: Session, account_id: str, fingerprints: Collection[str]) -> Mapping[str, Spoken]:
    """Return what was sent for the account's takes of these fingerprints."""
    if not fingerprints:
        return {}
    query = select(Take.fingerprint, Take.model, Take.text)
    rows = session.execute(query.where(Take.account_id == account_id, Take.fingerprint.in_(fingerprints))).all()
    return {fingerprint: Spoken(model, text) for fingerprint, model, text in rows}


def told_apart(planned: PlannedLine, now: Sound, before: Spoken | None) -> PlannedLine:
    """Return a line whose delivery has changed with what has: its model, how its words are said, or the rest."""
    if planned.reason is not Reason.DELIVERY or before is None:
        return planned
    if before.model != now.model:
        return planned._replace(reason=Reason.MODEL)
    return planned._replace(reason=Reason.LEXICON) if before.text != now.text else planned
