"""How many of a run's takes stand the same way, without counting them: what the database's triggers have added up."""

from sqlalchemy import BigInteger, Select, cast, delete, func, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from pipeline.speech.models import Tally, TallyChange

OPEN_TALLY = "open"
"""The tally of takes that are in no final state."""
STEP = 100_000
"""Changes that are added up at a time."""


def tallied(run_id: str | None = None) -> Select[str, str, str, int]:
    """Select run, state, cause and number of takes, for one run or for all, in one statement: nothing counts twice.

    A tally that has come to nothing may be among the rows, as 0.
    """
    kept = select(Tally.run_id, Tally.state, Tally.cause, Tally.takes)
    late = select(TallyChange.run_id, TallyChange.state, TallyChange.cause, TallyChange.takes)
    if run_id is not None:
        kept, late = kept.where(Tally.run_id == run_id), late.where(TallyChange.run_id == run_id)
    rows = union_all(kept, late).subquery()
    key = (rows.c.run_id, rows.c.state, rows.c.cause)
    return select(*key, cast(func.sum(rows.c.takes), BigInteger)).group_by(*key)


def tallies(session: Session, run_id: str) -> dict[tuple[str, str], int]:
    """Return how many takes of a run stand how, by state and cause; those that are in no final state are `open`."""
    rows = session.execute(tallied(run_id))
    return {(state, cause): takes for _, state, cause, takes in rows if takes}


def add_up(session: Session) -> None:
    """Add what triggers have noted to the tallies, one step of it; several may do so at once."""
    if session.get_bind().dialect.name == "sqlite":
        return  # its triggers write the tallies themselves
    some = select(TallyChange.id).order_by(TallyChange.id).limit(STEP).with_for_update(skip_locked=True).cte("some")
    columns = (TallyChange.run_id, TallyChange.state, TallyChange.cause, TallyChange.takes)
    taken = delete(TallyChange).where(TallyChange.id.in_(select(some.c.id))).returning(*columns).cte("taken")
    key = (taken.c.run_id, taken.c.state, taken.c.cause)
    # In one order: two that add up at once would wait for each other.
    sums = select(*key, func.sum(taken.c.takes)).group_by(*key).order_by(*key)
    adding = insert(Tally).from_select(["run_id", "state", "cause", "takes"], sums)
    total = {"takes": Tally.takes + adding.excluded.takes}
    session.execute(adding.on_conflict_do_update(index_elements=["run_id", "state", "cause"], set_=total))
