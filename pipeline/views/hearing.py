"""What the quality gate has heard: how many takes of a run, and the lines that wait for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from pipeline.db.clock import iso
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Run, asked_sound
from pipeline.quality import Outcome
from pipeline.speech.models import Take, is_refused
from pipeline.speech.rules import OPEN, UNHEARD

REVIEW_LIMIT = 1_000
SHOWN = 20
"""Lines that are named where there may be thousands."""


def heard_of_run(session: Session, run: Run) -> dict[str, int | bool]:
    """Count what was heard of a run's takes, those that it has made once more included; `due` have yet to be."""
    waiting = select(func.count()).where(Take.hearing.in_(UNHEARD), Take.run_id == run.id)
    return {
        "on": run.retakes is not None,
        "due": session.scalar(waiting) or 0,
        "good": run.heard_good,
        "bad": run.heard_bad,
        "unchecked": run.heard_unchecked,
    }


def in_review(session: Session, production_id: str) -> dict[str, Any]:
    """Count the lines that are in review, and name some of them."""
    lines = _in_review(session.get_one(Production, production_id)).with_only_columns(Line.line_id)
    count = session.scalar(select(func.count()).select_from(lines.subquery())) or 0
    return {"count": count, "lines": list(session.scalars(lines.order_by(Line.position).limit(SHOWN)))}


def lines_in_review(session: Session, production_id: str) -> frozenset[str]:
    """Return the ids of all lines that are in review."""
    lines = _in_review(session.get_one(Production, production_id)).with_only_columns(Line.line_id)
    return frozenset(session.scalars(lines))


def review(session: Session, production_id: str, *, after: int = -1, limit: int = REVIEW_LIMIT) -> dict[str, Any]:
    """List the lines in review from position `after` on, and count by reason those that could not be checked.

    In review is a line whose chosen take is bad by what was heard, of which no person has said anything, and of which
    no other take is on its way.
    """
    lines = _in_review(session.get_one(Production, production_id))
    page = lines.where(Line.position > after).order_by(Line.position).limit(limit)
    rows = session.execute(page).all()
    tries = _tries(session, production_id, [row[0].line_id for row in rows])
    return {
        "data": [_told(line, take, number, tries.get(line.line_id, [])) for line, take, number in rows],
        "unchecked": _unchecked(session, production_id) if after < 0 else {},
    }


def verdict_of(take: Take | None) -> dict[str, Any]:
    """Return what was heard of a take, as every list shows it."""
    told = (take.verdict or {}) if take else {}
    return {
        "heard": take.outcome if take else None,
        "heard_why": told.get("sentence"),
        "heard_at": iso(take.heard_at) if take else None,
    }


def _in_review(production: Production) -> Select[Line, Take, int]:
    """Select lines in review with their takes, and the number of each."""
    of_line = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)
    entry = LineTake.fingerprint == Line.fingerprint
    decided = exists().where(*of_line, entry, LineTake.verdict.is_not(None)).correlate(Line)
    other = aliased(Take)
    moving = other.state.in_(OPEN) | other.hearing.in_(UNHEARD)
    same_sound = (other.fingerprint == LineTake.fingerprint, other.alternative_of == asked_sound())
    coming = exists().where(*of_line, *same_sound, other.account_id == Take.account_id, moving).correlate(Line, Take)
    number = select(LineTake.number).where(*of_line, entry).correlate(Line).scalar_subquery()
    # Written so that no index is found by it: few takes are bad, and the lines of a production may be a million.
    mine = func.coalesce(Line.production_id, "") == production.id
    return (
        select(Line, Take, func.coalesce(number, 1))
        .select_from(Take)
        .join(Line, Line.fingerprint == Take.fingerprint)
        .where(Take.account_id == production.account_id, is_refused())
        .where(mine, Line.position > OFF_SHEET, ~decided, ~coming)
    )


def _tries(session: Session, production_id: str, line_ids: Sequence[str]) -> Mapping[str, Sequence[Take]]:
    """Return the takes of the sound that each of some lines asks for that were heard, in their order."""
    same_sound = (Take.alternative_of == asked_sound()) | (Take.fingerprint == asked_sound())
    query = (
        select(LineTake.line_id, Take)
        .join(Line, (Line.production_id == LineTake.production_id) & (Line.line_id == LineTake.line_id))
        .join(Production, Production.id == LineTake.production_id)
        .join(Take, (Take.account_id == Production.account_id) & (Take.fingerprint == LineTake.fingerprint))
        .where(LineTake.production_id == production_id, LineTake.line_id.in_(line_ids), same_sound)
        .where(Take.outcome.is_not(None))
        .order_by(LineTake.number)
    )
    found: dict[str, list[Take]] = {}
    for line_id, take in session.execute(query):
        found.setdefault(line_id, []).append(take)
    return found


def _told(line: Line, take: Take, number: int, tries: Sequence[Take]) -> dict[str, Any]:
    told, last = take.verdict or {}, tries[-1] if tries else take
    return {
        "line": line.line_id,
        "position": line.position,
        "character": line.character,
        "text": line.text,
        "number": number,
        "take": take.id,
        "locked": line.locked_at is not None,
        "tries": max(len(tries), 1),
        "why": told.get("sentence"),
        "checks": told.get("checks", []),
        "sequel": (last.verdict or {}).get("sequel"),
        "heard_at": iso(take.heard_at),
    }


def _unchecked(session: Session, production_id: str) -> dict[str, int]:
    """Count the lines whose takes could not be checked, by the reason: what nobody heard is told, never passed."""
    query = select(Take.verdict).join(Line, Line.fingerprint == Take.fingerprint).join(Production)
    mine = query.where(Take.account_id == Production.account_id, Take.outcome == Outcome.UNCHECKED)
    reasons: Counter[str] = Counter()
    for verdict in session.scalars(mine.where(Production.id == production_id, Line.position > OFF_SHEET)):
        checks = (verdict or {}).get("checks", [])
        reasons[next((check["reason"] for check in checks), "unknown")] += 1
    return dict(reasons.most_common())
