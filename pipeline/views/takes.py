"""The history of a line's takes, and what a person has to see to: takes that were rejected and not replaced."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.db.clock import iso
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, is_rejected
from pipeline.speech.models import Take
from pipeline.views.hearing import verdict_of
from pipeline.voices.models import Voice

SHOWN = 20
"""Lines that are named where there may be thousands."""

Made = Mapping[str, tuple[Take, str]]
"""Takes with the labels of their voices, by fingerprint."""


def histories(session: Session, production: Production, line_ids: Sequence[str]) -> list[dict[str, Any]]:
    """List the takes of lines, oldest first; the one that was chosen is marked. Amounts in micro-dollars."""
    mine = (Line.production_id == production.id, Line.line_id.in_(line_ids))
    lines = session.scalars(select(Line).where(*mine).order_by(Line.position, Line.line_id)).all()
    kept: dict[str, list[LineTake]] = {}
    of_lines = (LineTake.production_id == production.id, LineTake.line_id.in_(line_ids))
    for entry in session.scalars(select(LineTake).where(*of_lines).order_by(LineTake.number)):
        kept.setdefault(entry.line_id, []).append(entry)
    whole = [(line, _whole(line, kept.get(line.line_id, []))) for line in lines]
    made = _made(session, production, {entry.fingerprint for _, entries in whole for entry in entries})
    return [_told(line, entry, made) for line, entries in whole for entry in entries]


def wanting_retakes(session: Session, production_id: str) -> dict[str, Any]:
    """Count the lines whose chosen take was rejected, and name some of them."""
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    chosen = of_line & (LineTake.fingerprint == Line.fingerprint)
    mine = (LineTake.production_id == production_id, is_rejected(), Line.position > OFF_SHEET)
    rejected = select(Line.line_id).join(LineTake, chosen).where(*mine)
    count = session.scalar(select(func.count()).select_from(rejected.subquery())) or 0
    return {"count": count, "lines": list(session.scalars(rejected.order_by(Line.position).limit(SHOWN)))}


def _whole(line: Line, kept: Sequence[LineTake]) -> list[LineTake]:
    """Return a line's history with the chosen take, which has no row of its own before something is said of it."""
    if any(entry.fingerprint == line.fingerprint for entry in kept):
        return list(kept)
    number = kept[-1].number + 1 if kept else 1
    chosen = LineTake(
        line_id=line.line_id, number=number, fingerprint=line.fingerprint, direction=line.direction, note=""
    )
    return [*kept, chosen]


def _made(session: Session, production: Production, fingerprints: set[str]) -> Made:
    query = select(Take, Voice.label).join(Voice, Voice.id == Take.voice_id)
    mine = query.where(Take.account_id == production.account_id, Take.fingerprint.in_(fingerprints))
    return {take.fingerprint: (take, label) for take, label in session.execute(mine)}


def _told(line: Line, entry: LineTake, made: Made) -> dict[str, Any]:
    take, voice = made.get(entry.fingerprint, (None, None))
    return {
        "line": line.line_id,
        "number": entry.number,
        "chosen": entry.fingerprint == line.fingerprint,
        "locked": line.locked_at is not None,
        "state": take.state if take else "missing",
        "error": take.error if take else None,
        **verdict_of(take),
        "verdict": entry.verdict,
        "note": entry.note,
        "decided_by": entry.decided_by,
        "decided_at": iso(entry.decided_at),
        "text": take.text if take else None,
        "direction": entry.direction,
        "voice": voice,
        "take": take.id if take else None,
        "cost_micros": take.cost if take else None,
        "seconds": take.seconds if take else None,
        "sha256": take.sha256 if take else None,
        "object_key": take.object_key if take else None,
        "asked_at": iso(take.created_at) if take else None,
        "spoken_at": iso(take.done_at) if take else None,
    }
