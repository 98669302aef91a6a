"""How many of a run's takes stand the same way, without counting them: what the database's triggers have added up."""

from collections import Counter

from sqlalchemy import BigInteger, Select, cast, delete, func, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.speech.models import Tally, TallyChange

OPEN_TALLY = "open"
"""The tally of takes that are in no final state."""
STEP = 5_000
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
    some = select(TallyChange.id).order_by(TallyChange.id).limit(STEP).with_for_update(skip_locked=True).cte("some")
    taking = delete(TallyChange).where(TallyChange.id.in_(select(some.c.id)))
    columns = (TallyChange.run_id, TallyChange.state, TallyChange.cause, TallyChange.takes)
    taken = session.execute(taking.returning(*columns).execution_options(synchronize_session=False))
    sums: Counter[tuple[str, str, str]] = Counter()
    for *key, takes in taken:
        run_id, state, cause = key
        sums[run_id, state, cause] += takes
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # In one order: two that add up at once would wait for each other.
    for run_id, state, cause in sorted(sums):
        adding = insert(Tally).values(run_id=run_id, state=state, cause=cause, takes=sums[run_id, state, cause])
        total = {"takes": Tally.takes + adding.excluded.takes}
        session.execute(adding.on_conflict_do_update(index_elements=["run_id", "state", "cause"], set_=total))
