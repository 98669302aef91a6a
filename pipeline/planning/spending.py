"""What a production has spent so far and for whom, beside what a plan would add; amounts in micro-dollars."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Select, cast, func, select, union
from sqlalchemy.orm import Session

from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Line, LineTake
from pipeline.ledger.models import Transfer, signed_amount
from pipeline.planning.rules import Plan
from pipeline.planning.sums import Sum
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState

NOTHING = Sum(0, 0, 0, 0, 0)


class Spent(NamedTuple):
    """What there is of a character, and what its lines have cost, those of former texts and takes included."""

    lines: int = 0
    """On the sheet, with a take that speaks them."""
    micros: int = 0


class Spending(NamedTuple):
    """What a production has spent: for its lines by character, and in all with voices and lines that have left."""

    by_character: Mapping[str, Spent]
    micros: int


def spending(session: Session, account_id: str, production: str) -> Spending:
    """Return what a production has spent so far; two statements, however many lines it has."""
    found = intake.find_production(session, account_id, production)
    if found is None:
        return Spending({}, 0)
    spoken: dict[str, int] = dict(session.execute(_spoken(account_id, found.id)).all())
    paid: dict[str | None, int] = dict(session.execute(_paid(account_id, found.id)).all())
    named = dict.fromkeys([*spoken, *(name for name in paid if name is not None)])
    by_character = {name: Spent(spoken.get(name, 0), paid.get(name, 0)) for name in named}
    return Spending(by_character, sum(paid.values()))


def before_and_after(plan: Plan, spent: Spending) -> dict[str, Any]:
    """Compare what was spent with what will have been, in all and for each character's lines."""
    return {
        "spent": {"before_micros": spent.micros, "after_micros": spent.micros + plan.price},
        "by_character": _by_character(plan, spent),
    }


def _by_character(plan: Plan, spent: Spending) -> list[dict[str, Any]]:
    sums = plan.by_character()
    rows = []
    for name in dict.fromkeys([*sums, *spent.by_character]):
        planned, before = sums.get(name, NOTHING), spent.by_character.get(name, Spent())
        rows.append(
            {
                "character": name,
                "lines": planned.lines,
                "lines_spoken_before": before.lines,
                "lines_to_speak": planned.lines_to_speak,
                "lines_spoken_after": planned.lines_spoken_after,
                "chars_to_speak": planned.chars_to_speak,
                "before_micros": before.micros,
                "plan_micros": planned.micros,
                "after_micros": before.micros + planned.micros,
            }
        )
    return rows


def _spoken(account_id: str, production_id: str) -> Select[str, int]:
    """Count the lines on the sheet that are spoken, by character."""
    take = (Take.fingerprint == Line.fingerprint) & (Take.account_id == account_id) & (Take.state == TakeState.DONE)
    mine = (Line.production_id == production_id, Line.position > OFF_SHEET)
    return select(Line.character, func.count()).join(Take, take).where(*mine).group_by(Line.character)


def _paid(account_id: str, production_id: str) -> Select[str | None, int]:
    """Sum up the ledger by the character that a take is for: the first by name, where several share it.

    What is no line's, or no longer any line's, stands under None.
    """
    mine = Line.production_id == production_id
    former = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    every = union(
        select(Line.fingerprint, Line.character).where(mine),
        select(LineTake.fingerprint, Line.character).join(Line, former).where(mine),
    ).subquery()
    owner = (
        select(every.c.fingerprint, func.min(every.c.character).label("character"))
        .group_by(every.c.fingerprint)
        .subquery()
    )
    amount = cast(func.sum(signed_amount()), BigInteger)  # PostgreSQL's sum of bigints is numeric
    return (
        select(owner.c.character, amount)
        .select_from(Transfer)
        .outerjoin(Take, (Take.id == Transfer.subject) & (Take.account_id == account_id))
        .outerjoin(owner, owner.c.fingerprint == Take.fingerprint)
        .where(Transfer.account_id == account_id, Transfer.production_id == production_id)
        .group_by(owner.c.character)
    )
