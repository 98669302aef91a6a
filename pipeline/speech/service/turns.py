"""Whose take comes next: the account that has had least of the provider, and of its takes the first by priority and id.

What is looked at are the runs with takes that are ready, one step in an index for each, and a few takes of those whose
turn it is: how many wait behind them, or in a run that is held up, makes no difference.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import CTE, Select, bindparam, select
from sqlalchemy.orm import Session, aliased

from pipeline.db.clock import now_ms
from pipeline.intake.models import Run, RunState
from pipeline.ledger.models import Account
from pipeline.speech.models import Take, Turn
from pipeline.speech.rules import AUDITION_PRIORITY, TakeState

_IS_DUE = (Take.state == TakeState.READY, Take.provider == bindparam("provider"), Take.not_before <= now_ms())
_DUE = (
    select(Take.priority, Take.id, Take.estimate)
    .where(*_IS_DUE, Take.run_id == bindparam("run"))
    .order_by(Take.priority, Take.id)
    .limit(bindparam("most"))
)
_DUE_FIRST_WORDS = _DUE.where(Take.priority == AUDITION_PRIORITY)


@dataclass(frozen=True)
class Next:
    """A take whose turn it is: the virtual time at which it starts, and how far it moves that of its account."""

    id: str
    account_id: str
    start: int
    cost: int


@dataclass(frozen=True, order=True)
class Waiting:
    """A take that is due; the order is that in which an account's takes are sent."""

    priority: int
    id: str
    estimate: int = field(compare=False)


@dataclass
class Queue:
    """The takes of one account that are due, across its runs."""

    account_id: str
    weight: int
    room: int
    """How many more of its takes may be on their way."""
    virtual_time: int
    runs: dict[str, deque[Waiting]] = field(default_factory=dict)
    """The takes of each run, as far as they were looked at."""
    ending: set[str] = field(default_factory=set)
    """Runs that were stopped: of theirs only the first words of voices are sent."""

    def first_run(self) -> str:
        """Return the run whose take comes first."""
        return min(self.runs, key=lambda run: self.runs[run][0])

    def cost(self, take: Waiting) -> int:
        """Return how far a take moves the account's virtual time: its price in micro-dollars over the weight."""
        return max(-(-take.estimate // max(self.weight, 1)), 1)


def next_takes(
    session: Session, provider: str, *, clock: int, in_flight: Mapping[str, int], room: int
) -> Sequence[Next]:
    """Return the takes to be sent next, at most `room`; `clock` is the turn at which the last one was sent."""
    queues = _queues(session, provider, clock, in_flight, room)
    order = [(queue.virtual_time, queue.account_id) for queue in queues.values() if queue.room > 0]
    heapq.heapify(order)
    chosen: list[Next] = []
    looked_at: set[str] = set()
    while order and len(chosen) < room:
        start, account_id = heapq.heappop(order)
        queue = queues[account_id]
        run_id = queue.first_run()
        if run_id not in looked_at:
            looked_at.add(run_id)
            is_ending = run_id in queue.ending
            queue.runs[run_id] = _due_takes(session, provider, run_id, room, only_first_words=is_ending)
        take = queue.runs[run_id].popleft()
        cost = queue.cost(take)
        chosen.append(Next(take.id, account_id, start, cost))
        if not queue.runs[run_id]:
            del queue.runs[run_id]
        queue.room -= 1
        if queue.runs and queue.room > 0:
            heapq.heappush(order, (start + cost, account_id))
    return chosen


def _queues(
    session: Session, provider: str, clock: int, in_flight: Mapping[str, int], room: int
) -> Mapping[str, Queue]:
    queues: dict[str, Queue] = {}
    for run_id, account_id, weight, cap, turn, priority, first, estimate, ends in session.connection().execute(
        _first_takes(), {"provider": provider}
    ):
        if account_id not in queues:
            left = room if cap is None else min(cap - in_flight.get(account_id, 0), room)
            queues[account_id] = Queue(account_id, weight, left, max(turn or 0, clock))
        queues[account_id].runs[run_id] = deque([Waiting(priority, first, estimate)])
        if ends:
            queues[account_id].ending.add(run_id)
    return queues


@cache
def _first_takes() -> Select[str, str, int, int | None, int, int, str, int, bool]:
    """Select the first take that is due of each run that may send one, with what is known of its account.

    Putting it together takes several times as long as asking it: it is done once.
    """
    ready_runs = _ready_runs()
    first = aliased(Take)
    of_run = select(Take.id).where(*_IS_DUE, Take.run_id == Run.id).order_by(Take.priority, Take.id)
    turn = (Turn.provider == bindparam("provider")) & (Turn.account_id == Run.account_id)
    # A run that was stopped owes the first words of a voice still: they keep what was paid for.
    owes = Run.reason.is_not(None) & (first.priority == AUDITION_PRIORITY)
    # In one that has ended, what else is ready has to be given up.
    may_send = (Run.state != RunState.RUNNING) | (Run.paused_at.is_(None) & Run.reason.is_(None)) | owes
    return (
        select(
            Run.id,
            Run.account_id,
            Account.weight,
            Account.in_flight_cap,
            Turn.virtual_time,
            first.priority,
            first.id,
            first.estimate,
            (Run.state == RunState.RUNNING) & Run.reason.is_not(None),
        )
        .join_from(ready_runs, Run, Run.id == ready_runs.c.run_id)
        .join(Account, Account.id == Run.account_id)
        .join(first, first.id == of_run.limit(1).correlate(Run).scalar_subquery())
        .outerjoin(Turn, turn)
        .where(may_send)
    )


def _ready_runs() -> CTE:
    """Select the runs that have takes which are ready, by one step in the index from each to the next."""
    is_ready = Take.state == TakeState.READY
    earliest = select(Take.run_id).where(is_ready).order_by(Take.run_id).limit(1)
    runs = select(earliest.scalar_subquery().label("run_id")).cte("ready_runs", recursive=True)
    after = earliest.where(Take.run_id > runs.c.run_id).correlate(runs).scalar_subquery()
    return runs.union_all(select(after).where(runs.c.run_id.is_not(None)))


def _due_takes(session: Session, provider: str, run_id: str, most: int, *, only_first_words: bool) -> deque[Waiting]:
    due = _DUE_FIRST_WORDS if only_first_words else _DUE
    rows = session.connection().execute(due, {"provider": provider, "run": run_id, "most": most})
    return deque(Waiting(*row) for row in rows)
