"""What a person says of a line's takes: approved, rejected with a note; and the lock that keeps plans from a line."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.leases import rowcount
from pipeline.errors import NotFound
from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Verdict
from pipeline.intake.rules.problems import did_you_mean
from pipeline.intake.rules.selectors import as_hint
from pipeline.ledger.models import Account
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState

LETTERS, NAMES_COMPARED = 2, 2_000
"""Letters with which a name has to begin to be meant by another, and how many names it is compared with."""


@dataclass(frozen=True)
class Meant:
    """Lines of a production: by their ids, and all of some characters."""

    lines: Collection[str] = ()
    characters: Collection[str] = ()

    def condition(self, production: Production) -> ColumnElement[bool]:
        """Return what holds of these lines."""
        named = Line.line_id.in_(self.lines) | Line.character.in_(self.characters)
        return (Line.production_id == production.id) & named


@dataclass(frozen=True)
class Locking:
    """What became of lines that were to be locked."""

    lines: int
    """How many are locked now that were not before."""
    unspoken: Sequence[str] = field(default_factory=tuple)
    """Those that have no audio yet, which a lock could keep."""


def enter(session: Session, production: Production) -> None:
    """Come after whoever plans, applies or retakes in this account; raises `Conflict` while a run is written down."""
    session.get_one(Account, production.account_id, with_for_update=True)
    intake.require_none_preparing(session, production.account_id)


def judge(
    session: Session,
    production: Production,
    line_ids: Sequence[str],
    verdict: Verdict | None,
    *,
    number: int | None = None,
    note: str = "",
    by: str = "",
) -> None:
    """Write down what a person thinks of the chosen takes of lines, or of take `number` of each; None takes it back.

    Raises `NotFound` where there is no such line or take; nothing is written then.
    """
    enter(session, production)
    judged = {"verdict": verdict, "note": note, "decided_by": by, "decided_at": session.scalar(select(now_ms()))}
    for take in find_takes(session, production, line_ids, number):
        for name, value in judged.items():
            setattr(take, name, value)
    session.flush()


def find_takes(
    session: Session, production: Production, line_ids: Sequence[str], number: int | None = None
) -> list[LineTake]:
    """Return the chosen takes of lines, or take `number` of each, all of them in the histories; raises `NotFound`."""
    require_lines(session, production, Meant(line_ids))
    intake.keep_takes(session, production.id, line_ids)
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    which = LineTake.fingerprint == Line.fingerprint if number is None else LineTake.number == number
    mine = (Line.production_id == production.id, Line.line_id.in_(line_ids))
    found = session.scalars(select(LineTake).join(Line, of_line).where(*mine, which)).all()
    without = sorted(set(line_ids) - {take.line_id for take in found})
    if without:
        raise NotFound(
            f"{', '.join(without)} has no take {number}.", hint=f"callsheet takes {production.name} {without[0]}"
        )
    return list(found)


def lock(session: Session, production: Production, meant: Meant, *, by: str = "") -> Locking:
    """Keep every later plan from changing lines; those that are not spoken are left and named.

    Raises `NotFound` where the production has no such line or character; nothing is locked then.
    """
    enter(session, production)
    require_lines(session, production, meant)
    of_line = (Take.account_id == production.account_id, Take.fingerprint == Line.fingerprint)
    spoken = exists().where(*of_line, Take.state == TakeState.DONE).correlate(Line)
    free = (meant.condition(production), Line.locked_at.is_(None), Line.position > OFF_SHEET)
    unspoken = session.scalars(select(Line.line_id).where(*free, ~spoken).order_by(Line.position)).all()
    locking = update(Line).where(*free, spoken).values(locked_at=now_ms(), locked_by=by)
    return Locking(rowcount(session, locking.execution_options(synchronize_session=False)), unspoken)


def unlock(session: Session, production: Production, meant: Meant) -> int:
    """Let plans change lines again, and return how many were locked; raises `NotFound` as `lock`.

    Those that have left the sheet meanwhile leave the production.
    """
    enter(session, production)
    require_lines(session, production, meant)
    condition = meant.condition(production)
    opening = update(Line).where(condition, Line.locked_at.is_not(None)).values(locked_at=None, locked_by=None)
    opened = rowcount(session, opening.execution_options(synchronize_session=False))
    session.execute(delete(Line).where(condition, Line.position == OFF_SHEET))
    return opened


def require_lines(session: Session, production: Production, meant: Meant) -> None:
    """Raise `NotFound` naming every line and character that the production does not have."""
    mine = Line.production_id == production.id
    for column, names, what in ((Line.character, meant.characters, "character"), (Line.line_id, meant.lines, "line")):
        known = set(session.scalars(select(column).where(mine, column.in_(names)).distinct()))
        unknown = [name for name in names if name not in known]
        if unknown:
            # Of those that begin alike: a production may have a million lines.
            alike = func.lower(column).startswith(unknown[0][:LETTERS].lower(), autoescape=True)
            near = session.scalars(select(column).where(mine, alike).distinct().limit(NAMES_COMPARED)).all()
            told = as_hint(did_you_mean(unknown[0], near)) or "Correct the name."
            raise NotFound(
                f"{production.name} has no {what} {', '.join(unknown)}.",
                hint=f"{told} Nothing was changed. `callsheet apply` brings lines that are new on the sheet.",
            )


def last_numbers(session: Session, production: Production, line_ids: Sequence[str]) -> dict[str, int]:
    """Return the highest number among the takes of each line that has a history."""
    mine = (LineTake.production_id == production.id, LineTake.line_id.in_(line_ids))
    counted = select(LineTake.line_id, func.max(LineTake.number)).where(*mine).group_by(LineTake.line_id)
    return dict(session.execute(counted).all())
