"""Plan and apply: what would be cloned, what would be spoken, why, at what price; and then exactly that."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.bulk import roomy
from pipeline.db.events import emit
from pipeline.errors import Conflict
from pipeline.intake import service as intake
from pipeline.intake.models import Production, Run
from pipeline.intake.rules import Line, pages
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account
from pipeline.ledger.money import BudgetMode
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.casting import want_voices
from pipeline.planning.collecting import COLLECTIONS
from pipeline.planning.drawing import Sounds, Submission, draw_up, require_consents
from pipeline.planning.leave import require_leave
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, PlannedLine, Reason
from pipeline.planning.selecting import Selection
from pipeline.speech import service as speech
from pipeline.speech.rules import LINE_PRIORITIES
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

__all__ = ["Selection", "Submission", "Transactions", "apply", "draw_up", "require_consents", "start"]

AT_ONCE = 10_000
"""Lines of a sheet up to which a run is written down in one transaction; it takes SQLite's lock for a second or two."""
STEP, LEAST_STEP, MOST_STEP = 2_500, 500, 10_000
"""Lines of a longer sheet that are written down in one transaction: at first, and within which bounds later."""
HELD_SECONDS = 0.25
"""How long one of them may take: a worker that beats has to wait for it on SQLite."""
BREATH_SECONDS = 0.11
"""After each of them on SQLite: who waits for its lock looks ten times a second, and would miss a shorter gap.

Without it a worker's beat waited 22 s while a million lines were written down.
"""

Pair = tuple[Line, PlannedLine]
_ASKS_FOR_NOTHING = frozenset((Reason.REUSED, Reason.SHARED, Reason.RETAKE, Reason.LOCKED_CONFLICT))


class Transactions(Protocol):
    """Where transactions begin and end."""

    def read(self) -> AbstractContextManager[Session]:
        """Run a transaction that only reads."""

    def write(self) -> AbstractContextManager[Session]:
        """Run a transaction."""


@dataclass(frozen=True)
class _Order:
    """What is to be applied, for whom, and on which terms."""

    account_id: str
    submission: Submission
    market: Market
    agreed: str | None
    budget: int | None
    mode: BudgetMode


@dataclass(frozen=True)
class _Start:
    """A run that is being started."""

    order: _Order
    plan: Plan
    production: Production
    run: Run
    cast: Mapping[str, Voice]
    """By the voices' keys."""
    is_new: bool
    """Whether the production had no lines before."""

    def pairs(self) -> Iterator[Pair]:
        """Yield each line of the sheet with what happens to it."""
        return zip(self.order.submission.project.lines, self.plan.lines, strict=True)

    def write(self, session: Session, portion: "_Portion") -> None:
        """Write some of the lines and takes down."""
        is_part = bool(self.order.submission.selection.terms)
        intake.declare_lines(session, self.production.id, portion.rows, is_new=self.is_new, in_place=is_part)
        intake.add_takes(session, self.production.id, portion.fresh)
        speech.want(session, self.run, portion.takes)

    def portion(self, pairs: Iterable[Pair], *, position: int) -> "_Portion":
        """Return what is to be written for some of the lines; `position` is that of the first of them on the sheet."""
        sounds = Sounds.of(self.order.submission, self.order.market)
        rows, takes, fresh = [], [], {}
        for number, (line, planned) in enumerate(pairs, position):
            if planned.reason is Reason.LEFT_OUT:
                continue
            rows.append(_row(sounds, number, line, planned))
            if planned.fresh is not None:
                fresh[line.id] = planned.fresh
            if planned.reason not in _ASKS_FOR_NOTHING:
                takes.append(self._take(sounds, line, planned))
        return _Portion(rows, takes, fresh)

    def _take(self, sounds: Sounds, line: Line, planned: PlannedLine) -> speech.WantedTake:
        sound = sounds.sound(line)
        project = sounds.project
        return speech.WantedTake(
            sound,
            self.cast[sound.voice_key],
            str(planned.reason),
            sounds.price(sound),
            project.language_of(line.id),
            project.production,
            priority=LINE_PRIORITIES[self.order.submission.priority],
            fingerprint=planned.wanted,
            alternative_of=sound.fingerprint() if planned.fresh is not None else None,
        )


@dataclass(frozen=True)
class _Portion:
    """Lines and takes that are written down together."""

    rows: Sequence[intake.LineRow]
    takes: Sequence[speech.WantedTake]
    fresh: Mapping[str, str]
    """The fingerprints of fresh takes, by their lines."""


def start(
    transactions: Transactions,
    account_id: str,
    submission: Submission,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
    mode: BudgetMode = BudgetMode.HARD,
) -> str:
    """Start a run as `apply` does, in as many transactions as its sheet is long, and return its id.

    The run starts in the last of them, whole, or not at all. Raises what `apply` raises.
    """
    order = _Order(account_id, submission, market, agreed, budget, mode)
    if len(submission.project.lines) <= AT_ONCE:
        with transactions.write() as session:
            return _apply(session, order).id
    with COLLECTIONS.rare():
        return _start_in_steps(transactions, order)


def apply(
    session: Session,
    account_id: str,
    submission: Submission,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
    mode: BudgetMode = BudgetMode.HARD,
) -> Run:
    """Start a run of the plan, all in this transaction; raises `Conflict` where it is not the plan agreed to.

    `agreed` is the digest of the plan the caller has seen, `budget` the cap in micro-dollars. Raises `BudgetExceeded`
    where a cap has less left than the plan costs and `mode` is hard, `ConsentRequired` where it needs a talent who is
    suspended.
    """
    return _apply(session, _Order(account_id, submission, market, agreed, budget, mode))


def _apply(session: Session, order: _Order) -> Run:
    plan = _lock_and_plan(session, order)
    started = _begin(session, order, plan, intake.open_run)
    started.write(session, started.portion(started.pairs(), position=0))
    intake.drop_lines(session, started.production.id, plan.removed)
    speech.dispatch(session, order.market.provider)
    speech.close_runs(session)
    return started.run


def _lock_and_plan(session: Session, order: _Order) -> Plan:
    # Two runs of an account are planned one after the other.
    session.get_one(Account, order.account_id, with_for_update=True)
    return draw_up(session, order.account_id, order.submission, order.market)


def _begin(session: Session, order: _Order, plan: Plan, open_run: Callable[..., Run]) -> _Start:
    """Open the run and cast its voices, where the plan is the one agreed to and there is money for it."""
    require_leave(session, order.account_id, order.submission, plan)
    _require_agreed(plan, order.agreed)
    intake.require_none_preparing(session, order.account_id)
    project = order.submission.project
    cap = run_cap(project, order.budget)
    refused = refusal(session, order.account_id, plan, cap) if order.mode is BudgetMode.HARD else None
    if refused is not None:
        raise refused
    is_new = intake.find_production(session, order.account_id, project.production) is None
    production = intake.declare_production(session, order.account_id, project)
    run = open_run(session, production, plan_digest=plan.digest(), estimate=plan.price)
    ledger.open_budget(session, run.id, order.account_id, cap)
    cast = want_voices(session, run, order.submission, order.market, plan)
    return _Start(order, plan, production, run, cast, is_new)


def _require_agreed(plan: Plan, agreed: str | None) -> None:
    if agreed is not None and agreed != plan.digest():
        raise Conflict(
            "The sheet or what exists has changed since this plan was made.",
            hint="Plan again, then apply.",
        )


def _start_in_steps(transactions: Transactions, order: _Order) -> str:
    """Write a run down step by step and then start it: SQLite's one lock is never held for long.

    Until then it is a run that has not started: nothing of it is dispatched, and a plan counts its takes as not
    made. One whose writer has died stays so; whoever applies again makes its takes their own.
    """
    with transactions.read() as session:
        plan = draw_up(session, order.account_id, order.submission, order.market)
    plan.digest()  # what is read of all lines together is read before the lock is taken, and kept
    with transactions.write() as session:
        session.get_one(Account, order.account_id, with_for_update=True)
        started = _begin(session, order, plan, intake.prepare_run)
    run_id = started.run.id
    try:
        _write_in_steps(transactions, started)
        for gone in pages(plan.removed, STEP):
            with _step(transactions, run_id) as session:
                intake.drop_lines(session, started.production.id, gone)
            _let_others_write(session)
        with transactions.write() as session:
            _open(session, started)
    except BaseException:
        with transactions.write() as session:
            intake.give_up_preparing(session, run_id)
        raise
    return run_id


def _write_in_steps(transactions: Transactions, started: _Start) -> None:
    """Write the lines and takes down; what is written is worked out before the lock is taken."""
    pairs, position, step = started.pairs(), 0, STEP
    while some := list(islice(pairs, step)):
        portion = started.portion(some, position=position)
        with _step(transactions, started.run.id) as session:
            begun = time.monotonic()
            started.write(session, portion)
        position += len(some)
        step = next_step(step, time.monotonic() - begun)
        _let_others_write(session)


def next_step(step: int, seconds: float) -> int:
    """Return how many lines to write down next, where `step` of them have held the lock for so long."""
    fitting = int(step * HELD_SECONDS / max(seconds, HELD_SECONDS / 2))
    return max(LEAST_STEP, min(fitting, MOST_STEP))


@contextmanager
def _step(transactions: Transactions, run_id: str) -> Iterator[Session]:
    with transactions.write() as session, roomy(session):
        intake.keep_preparing(session, run_id)
        yield session


def _let_others_write(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        time.sleep(BREATH_SECONDS)


def _open(session: Session, started: _Start) -> None:
    """Let a run that is written down begin: from this commit on it is whole."""
    intake.start_prepared(session, started.run.id)
    ids = {voice.id for voice in started.cast.values()}
    for voice in session.scalars(select(Voice).where(Voice.id.in_(ids)).order_by(Voice.id)):
        if voice.state is VoiceState.READY:
            emit(session, "voice.ready", voice.id)
        if voice.state is VoiceState.WANTED:
            emit(session, "voice.wanted", voice.id)
    session.expire_all()
    speech.close_runs(session)


def _row(sounds: Sounds, position: int, line: Line, planned: PlannedLine) -> intake.LineRow:
    line_id, character, text, direction, extras = line.id, line.character, line.text, line.direction, line.extras
    voice_key = sounds.voice_key(line)
    written = ", ".join([f"{_JSON(title)}: {_JSON(cell)}" for title, cell in extras.items()])
    known_by = (planned.fingerprint, voice_key, planned.sound)
    return intake.LineRow(line_id, position, character, text, direction, f"{{{written}}}", *known_by)


_JSON = json.JSONEncoder().encode
"""Of texts; what prepares it for an object costs more than a line's few columns."""
