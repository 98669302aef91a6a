"""Takes of lines that were spoken before and that the quality gate has found bad: retakes, and fresh ones in vain."""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from pipeline.intake.models import Line, LineTake, Run, asked_sound
from pipeline.quality import Outcome
from pipeline.speech.models import RunTake, Take, is_refused
from pipeline.speech.rules import Asked, TakeState

SHOWN = 20
"""Takes that are named where there may be thousands."""


def bad_again(session: Session, run: Run) -> dict[str, Any]:
    """Count the bad takes that a run has made of lines that were spoken before, and name some of them.

    Each bad retake is one; a fresh take only where no try of its line on this run was better, and then the last.
    `speaks` is the number of the take that speaks the line.
    """
    if not run.heard_bad:
        return {"count": 0, "takes": []}
    bad = _bad_takes(run)
    count = session.scalar(select(func.count()).select_from(bad.subquery())) or 0
    rows = session.execute(bad.order_by(Line.position, LineTake.number).limit(SHOWN)).all() if count else ()
    return {
        "count": count,
        "takes": [
            {"line": line_id, "number": number, "asked": Asked.RETAKE if is_retake else Asked.FRESH}
            | {"why": (verdict or {}).get("sentence"), "speaks": speaks}
            for line_id, number, verdict, is_retake, speaks in rows
        ],
    }


def _bad_takes(run: Run) -> Select[str, int, dict[str, Any] | None, bool, int]:
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    is_retake = _is_asked(Asked.RETAKE)
    return (
        select(Line.line_id, LineTake.number, Take.verdict, is_retake.label("is_retake"), _speaking())
        .select_from(Take)
        .join(LineTake, LineTake.fingerprint == Take.fingerprint)
        .join(Line, of_line)
        .where(Take.account_id == run.account_id, is_refused(), Take.run_id == run.id)
        .where(Line.production_id == run.production_id, asked_sound() == Take.alternative_of)
        .where(is_retake | (_is_asked(Asked.FRESH) & ~_has_other_try(run)))
    )


def _is_asked(reason: Asked) -> ColumnElement[bool]:
    return exists().where(RunTake.take_id == Take.id, RunTake.reason == str(reason)).correlate(Take)


def _speaking() -> ColumnElement[int]:
    """Return the number of the take that speaks a line: one that was never written down is the first."""
    now = aliased(LineTake)
    of_line = (now.production_id == Line.production_id, now.line_id == Line.line_id)
    number = select(func.min(now.number)).where(*of_line, now.fingerprint == Line.fingerprint)
    return func.coalesce(number.correlate(Line).scalar_subquery(), 1)


def _has_other_try(run: Run) -> ColumnElement[bool]:
    """Say of which lines the run has another take of the sound that is better, is on its way, or followed this one."""
    its, other = aliased(LineTake), aliased(Take)
    of_line = (its.production_id == LineTake.production_id, its.line_id == LineTake.line_id)
    made = (other.account_id == run.account_id, other.fingerprint == its.fingerprint, other.run_id == run.id)
    is_alive = other.state.not_in([TakeState.FAILED, TakeState.BLOCKED])
    is_better = other.outcome.is_distinct_from(Outcome.BAD)
    found = exists().where(*of_line, *made, is_alive, other.alternative_of == Take.alternative_of)
    return found.where(is_better | (its.number > LineTake.number)).correlate(LineTake, Take)
