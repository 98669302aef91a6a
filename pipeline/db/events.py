"""Events a service leaves on its session; the edge publishes them after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

_KEY = "callsheet_events"


@dataclass(frozen=True)
class Event:
    """Something that has happened to a row; a hint, never the truth."""

    name: str
    id: str


def emit(session: Session, name: str, row_id: str) -> None:
    """Note an event to be published once the transaction has committed."""
    session.info.setdefault(_KEY, []).append(Event(name, row_id))


def emitted(session: Session) -> Sequence[Event]:
    """Return the events of this session, in order."""
    events: list[Event] = session.info.get(_KEY, [])
    return events
