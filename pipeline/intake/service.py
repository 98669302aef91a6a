"""Productions and runs: what was declared, and how each run of it stands."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    SQLColumnExpression,
    Text,
    Update,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from pipeline.db.bulk import insert_rows
from pipeline.db.clock import now_ms
from pipeline.db.events import emit
from pipeline.db.ids import new_id
from pipeline.db.leases import rowcount
from pipeline.errors import Cancelled, Conflict, NotStarted, RunStopped
from pipeline.intake.models import OFF_SHEET, Line, LineTake, Production, Run, RunState
from pipeline.intake.rules import Project, pages

BATCH = 1_000
"""Rows a statement: bounded by SQLite's 32,766 variables."""
PREPARING = NotStarted.code
"""Why a run is stopped that has not started: its lines and takes are being written down."""
PREPARING_MS = 60_000
"""For how long after its last step a run that is being written down keeps others of its account from starting."""


def find_production(session: Session, account_id: str, name: str) -> Production | None:
    """Return the production of that name in the account."""
    return session.scalar(select(Production).where(Production.account_id == account_id, Production.name == name))


def declare_production(session: Session, account_id: str, project: Project) -> Production:
    """Create the production, or bring its title and language up to date."""
    production = find_production(session, account_id, project.production)
    if production is None:
        production = Production(id=new_id("prod"), account_id=account_id, name=project.production)
        session.add(production)
    production.title = project.title
    production.language = project.language
    production.retakes = project.quality.allowed_retakes
    session.flush()
    return production


class LineRow(NamedTuple):
    """A line as it is stored, but for its production."""

    line_id: str
    position: int
    character: str
    text: str
    direction: str
    extras: str
    """JSON."""
    fingerprint: str
    voice_key: str
    sound: str | None = None
    """The fingerprint that the sheet asks for, where another take was chosen."""

    def asked_sound(self) -> str:
        """Return the fingerprint that the sheet asks for."""
        return self.sound or self.fingerprint


_LINE_COLUMNS = [
    cast(Line.extras, Text).label(name) if name == "extras" else getattr(Line, name) for name in LineRow._fields
]
_CHOICE = frozenset(("fingerprint", "sound"))


def declare_lines(
    session: Session, production_id: str, lines: Iterable[LineRow], *, is_new: bool = False, in_place: bool = False
) -> None:
    """Bring lines of the production up to date; those that are as they were are not touched.

    A line that asks for the sound it had keeps the take that was chosen for it, and a locked one all but its place.
    `is_new` says that the production had none before this run: they need not be looked for. With `in_place` they are
    a part of the sheet: each stays where it was, and new ones follow the last, so that no two have one place.
    """
    for page in pages(lines, BATCH):
        known = {} if is_new else _known_lines(session, production_id, page)
        if in_place and not is_new:
            page = _in_place(session, production_id, page, known)  # noqa: PLW2901 - the same lines at other places
        new = [(production_id, *line) for line in page if line.line_id not in known]
        if new:
            insert_rows(session, Line, ("production_id", *LineRow._fields), new)
        _bring_up_to_date(
            session, production_id, [(line, *known[line.line_id]) for line in page if line.line_id in known]
        )


def _in_place(
    session: Session, production_id: str, lines: Sequence[LineRow], known: Mapping[str, tuple[LineRow, bool]]
) -> list[LineRow]:
    taken = {line_id: row.position for line_id, (row, _) in known.items() if row.position > OFF_SHEET}
    last = session.scalar(select(func.max(Line.position)).where(Line.production_id == production_id))
    after = itertools.count(OFF_SHEET + 1 if last is None else last + 1)
    return [line._replace(position=taken[line.line_id] if line.line_id in taken else next(after)) for line in lines]


def _known_lines(session: Session, production_id: str, lines: Iterable[LineRow]) -> dict[str, tuple[LineRow, bool]]:
    """Return the lines that are there, each with whether it is locked."""
    columns = (*_LINE_COLUMNS, Line.locked_at.is_not(None))
    mine = select(*columns).where(Line.production_id == production_id)
    found = session.execute(mine.where(Line.line_id.in_([line.line_id for line in lines])))
    return {row.line_id: (LineRow(*row[:-1]), row[-1]) for row in found.all()}


def _bring_up_to_date(session: Session, production_id: str, lines: Iterable[tuple[LineRow, LineRow, bool]]) -> None:
    changed, sounding = [], []
    for line, known, is_locked in lines:
        sounds_alike = line.asked_sound() == known.asked_sound()
        if is_locked and not sounds_alike:
            changed.append(known._replace(position=line.position))
        elif not sounds_alike:
            sounding.append(line)
        elif line._replace(fingerprint=known.fingerprint, sound=known.sound) != known:
            changed.append(line)
    keep_takes(session, production_id, [line.line_id for line in sounding])
    _rewrite(session, production_id, sounding)
    # A take that is chosen at this moment stays so.
    _rewrite(session, production_id, changed, leave=_CHOICE)


def _rewrite(
    session: Session, production_id: str, lines: Iterable[LineRow], *, leave: frozenset[str] = frozenset()
) -> None:
    one = update(Line).where(Line.production_id == production_id, Line.line_id == bindparam("known_id"))
    changed = [
        {"known_id": line.line_id}
        | {name: value for name, value in line._asdict().items() if name not in leave}
        | {"extras": json.loads(line.extras)}
        for line in lines
    ]
    if changed:
        session.connection().execute(one, changed)


def drop_lines(session: Session, production_id: str, line_ids: Iterable[str]) -> None:
    """Take lines off the production; their takes stay, and so does the lock of those that have one."""
    for page in pages(line_ids, BATCH):
        keep_takes(session, production_id, page)
        mine = (Line.production_id == production_id, Line.line_id.in_(page))
        session.execute(delete(Line).where(*mine, Line.locked_at.is_(None)))
        session.execute(update(Line).where(*mine).values(position=OFF_SHEET))


def keep_takes(session: Session, production_id: str, line_ids: Sequence[str]) -> None:
    """Write the chosen takes of lines into their histories, as the next number, where they are not there yet."""
    if line_ids:
        _keep_chosen(session, (Line.production_id == production_id) & Line.line_id.in_(line_ids))


def add_take(session: Session, which: ColumnElement[bool], fingerprint: str) -> int:
    """Write one more take into the histories of some lines, after the chosen ones, and return how many lines it are."""
    _keep_chosen(session, which)
    return rowcount(session, _as_next(which, literal(fingerprint)))


def add_takes(session: Session, production_id: str, takes: Mapping[str, str]) -> None:
    """Write one more take into the history of each of some lines, by their ids, where it is not there yet."""
    for page in pages(takes, BATCH):
        keep_takes(session, production_id, page)
        there = (LineTake.production_id == production_id, LineTake.line_id.in_(page))
        known = {tuple(row) for row in session.execute(select(LineTake.line_id, LineTake.fingerprint).where(*there))}
        last = select(func.max(LineTake.number)).where(*_OF_LINE).correlate(Line).scalar_subquery()
        mine = (Line.production_id == production_id, Line.line_id.in_(page))
        rows = [
            (production_id, line_id, number + 1, takes[line_id], direction, "")
            for line_id, number, direction in session.execute(select(Line.line_id, last, Line.direction).where(*mine))
            if (line_id, takes[line_id]) not in known
        ]
        insert_rows(session, LineTake, _TAKE_COLUMNS, rows)


def _keep_chosen(session: Session, which: ColumnElement[bool]) -> None:
    known = exists().where(*_OF_LINE, LineTake.fingerprint == Line.fingerprint).correlate(Line)
    session.execute(_as_next(which & ~known, Line.fingerprint))


_TAKE_COLUMNS = ("production_id", "line_id", "number", "fingerprint", "direction", "note")
_OF_LINE = (LineTake.production_id == Line.production_id, LineTake.line_id == Line.line_id)


def _as_next(which: ColumnElement[bool], fingerprint: SQLColumnExpression[str]) -> Insert:
    """Return what writes a take into the history of each of some lines, as the next number."""
    last = select(func.coalesce(func.max(LineTake.number), 0)).where(*_OF_LINE).correlate(Line).scalar_subquery()
    values = (Line.production_id, Line.line_id, last + 1, fingerprint, Line.direction, literal(""))
    return insert(LineTake).from_select(_TAKE_COLUMNS, select(*values).where(which), include_defaults=False)


def open_run(session: Session, production: Production, *, plan_digest: str, estimate: int) -> Run:
    """Start a run of a production; `estimate` in micro-dollars."""
    run = Run(
        id=new_id("run"),
        account_id=production.account_id,
        production_id=production.id,
        plan_digest=plan_digest,
        estimate=estimate,
        retakes=production.retakes,
    )
    session.add(run)
    session.flush()
    return run


def is_busy() -> ColumnElement[bool]:
    """Say whether any run is under way."""
    return exists().where(Run.state == RunState.RUNNING)


def is_stopped(session: Session, run_id: str) -> bool:
    """Tell whether a run may start nothing more."""
    run = session.get(Run, run_id)
    return run is None or run.reason is not None or run.state is not RunState.RUNNING


def is_paused(session: Session, run_id: str) -> bool:
    """Tell whether a run starts nothing until it is resumed."""
    run = session.get(Run, run_id)
    return run is not None and run.paused_at is not None


def is_held_up(session: Session, run_id: str) -> bool:
    """Tell whether a run may start nothing now: it was stopped, or it is paused."""
    return is_stopped(session, run_id) or is_paused(session, run_id)


def require_running(session: Session, run_id: str) -> None:
    """Raise `RunStopped`, or `Cancelled`, where a run may start nothing more."""
    if is_stopped(session, run_id):
        run = session.get(Run, run_id)
        if run is not None and run.reason == Cancelled.code:
            raise Cancelled("The run has been cancelled.", hint="Apply again to go on.")
        raise RunStopped("The run has been stopped.", hint="Apply again to go on.")


def stop_run(session: Session, run_id: str, reason: str) -> bool:
    """Let a run start nothing more; `reason` is the error code. What is under way is finished. False where it was."""
    stopping = update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING, Run.reason.is_(None))
    if not rowcount(session, stopping.values(reason=reason, paused_at=None)):
        return False
    emit(session, "run.stopped", run_id)
    return True


def note_stopping(session: Session, run_id: str) -> None:
    """Note that some of what a stopped run had not begun has just been given up."""
    session.execute(update(Run).where(Run.id == run_id).values(stopping_at=now_ms()))


def pause_run(session: Session, run_id: str) -> bool:
    """Let a run start nothing until it is resumed; False where it is over, stopped or paused already."""
    return rowcount(session, _going_on(run_id).values(paused_at=now_ms())) == 1


def resume_run(session: Session, run_id: str) -> bool:
    """Let a paused run go on, with nothing counted against it; False where it was not paused."""
    paused = update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING, Run.paused_at.is_not(None))
    anew = {"streak": 0, "streak_cause": None, "streak_message": None}
    return rowcount(session, paused.values(paused_at=None, resumed_at=now_ms(), **anew)) == 1


def hold_up(session: Session, run_id: str, count: int, cause: str, message: str) -> bool:
    """Pause a run after so many failures in a row for one cause; False where it is over, stopped or paused already."""
    told = {"streak": count, "streak_cause": cause, "streak_message": message}
    return rowcount(session, _going_on(run_id).values(paused_at=now_ms(), **told)) == 1


def count_failure(session: Session, run_id: str, cause: str, message: str) -> int:
    """Count a take of a run that failed, and return how many in a row have failed for the same cause."""
    again = case((Run.streak_cause == cause, Run.streak + 1), else_=1)
    counting = _going_on(run_id).values(streak=again, streak_cause=cause, streak_message=message)
    return session.scalar(counting.returning(Run.streak).execution_options(synchronize_session=False)) or 0


def end_streak(session: Session, run_id: str) -> None:
    """Note that a take of a run was spoken; writes only where failures were counted before it."""
    counted = _going_on(run_id).where(Run.streak > 0)
    session.execute(counted.values(streak=0, streak_cause=None, streak_message=None))


def count_waste(session: Session, run_id: str, calls: int) -> int:
    """Add to the paid calls of a run that brought nothing that could be kept, and return how many there are.

    A negative number takes back what turned out to have brought something after all.
    """
    counting = update(Run).where(Run.id == run_id, Run.wasted + calls >= 0).values(wasted=Run.wasted + calls)
    return session.scalar(counting.returning(Run.wasted)) or 0


def close_run(session: Session, run_id: str, state: RunState) -> bool:
    """End a run; False where it has ended already."""
    closing = update(Run).where(Run.id == run_id, Run.state == RunState.RUNNING)
    return rowcount(session, closing.values(state=state, closed_at=now_ms())) == 1


def _going_on(run_id: str) -> Update:
    is_running = (Run.state == RunState.RUNNING, Run.reason.is_(None), Run.paused_at.is_(None))
    return update(Run).where(Run.id == run_id, *is_running)


def prepare_run(session: Session, production: Production, *, plan_digest: str, estimate: int) -> Run:
    """Open a run that does not start before `start_prepared`: it is written down in several transactions."""
    run = open_run(session, production, plan_digest=plan_digest, estimate=estimate)
    run.state, run.reason = RunState.STOPPED, PREPARING
    session.flush()
    keep_preparing(session, run.id)
    return run


def keep_preparing(session: Session, run_id: str) -> None:
    """Say that a run is still being written down: no other of its account may start meanwhile."""
    session.execute(_prepared(run_id).values(closed_at=now_ms() + PREPARING_MS))


def give_up_preparing(session: Session, run_id: str) -> None:
    """Say that a run will not be started; one that has been stays as it is."""
    session.execute(_prepared(run_id).values(closed_at=now_ms()))


def start_prepared(session: Session, run_id: str) -> None:
    """Start a run that has been written down; raises `Conflict` where its writer was taken for dead."""
    live = _prepared(run_id).where(Run.closed_at > now_ms())
    if not rowcount(session, live.values(state=RunState.RUNNING, reason=None, closed_at=None)):
        raise Conflict("Writing the run down took too long; nothing was started.", hint="Plan again, then apply.")


def require_none_preparing(session: Session, account_id: str) -> None:
    """Raise `Conflict` while another run of the account is being written down."""
    busy = select(Run.id).where(Run.account_id == account_id, Run.id.in_(unstarted()), Run.closed_at > now_ms())
    if session.scalar(busy.limit(1)) is not None:
        raise Conflict("Another run of this account is about to start.", hint="Wait for it, plan again, then apply.")


def is_preparing(run: Run) -> bool:
    """Tell whether a run is still being written down, or was when its writer died: nothing of it has started."""
    return run.state is RunState.STOPPED and run.reason == PREPARING


def not_started(session: Session, run: Run) -> NotStarted | None:
    """Return what to know of a run that is still being written down, or was when its writer died; else None."""
    if not is_preparing(run):
        return None
    if session.scalar(select(Run.closed_at > now_ms()).where(Run.id == run.id)):
        return NotStarted(f"The run {run.id} is still being prepared.", hint="Try again in a few seconds.")
    ended = f"The run {run.id} was not started: its preparation ended halfway. Nothing was spent."
    return NotStarted(ended, hint="callsheet apply starts a new one, of the whole.")


def unstarted() -> Select[str]:
    """Select the runs that are still being written down, or were when their writer died."""
    return select(Run.id).where(Run.state == RunState.STOPPED, Run.reason == PREPARING)


def _prepared(run_id: str) -> Update:
    return update(Run).where(Run.id == run_id, Run.state == RunState.STOPPED, Run.reason == PREPARING)
