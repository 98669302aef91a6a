"""Where the threads of one process wait for permits: one of them asks the database for all, the others wait.

A call that ends hands its slot to the next thread at once: through the database it would be free for everybody a
commit later, and taken another one after that. And while calls are short, the next claims are made before their slots
are free: a provider that allows one call at a time would do nothing while the next claim is committed. What was claimed
ahead and has waited for too long is claimed again, so that what a claim has looked at is fresh when the call begins.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Condition, Lock
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from pipeline.slots import Slots

J = TypeVar("J")
C = TypeVar("C")

AT_ONCE = 32
"""For how many calls one transaction asks."""
ROUND_SECONDS = 0.1
"""While calls are under way, claims are asked for so often: together they cost hardly more than one."""
LOOK_SECONDS = 0.02
"""How soon to look again for a slot where this process has fewer than its share; a call ends when it ends."""
LOOK_RARELY_SECONDS = 0.5
"""How soon where it has its share: what others have left unused is worth a look now and then."""
BEGINNING_SECONDS = 0.005
"""How long it takes from a slot until the call's request has left."""
STALE_SECONDS = 0.75
"""After this long what was claimed ahead is claimed anew: its run may have been cancelled meanwhile."""


@dataclass(frozen=True)
class Wish(Generic[J, C]):
    """A call somebody wants to make: how it is claimed, together with others of its kind, and what it takes."""

    claim: Callable[[Session, Sequence[J], str, float], Sequence[C | None]]
    """Claims several jobs for a holder, whose calls take up to so many seconds; None for what is not to be called."""
    job: J
    seconds: float
    """How long the call may take."""
    characters: int = 0
    give_up: Callable[[Session, J, C], None] | None = None
    """Takes a claim back that was not used. Only what can be taken back is claimed before it has a slot."""


@dataclass(eq=False)
class Ticket(Generic[J, C]):
    """A thread's place in the queue, and what has become of it."""

    wish: Wish[J, C]
    until: float
    """When the thread gives up, by the gate's clock."""
    woken: Condition
    claim: C | None = None
    starts_at: float = 0.0
    slot: int | None = None
    is_asked: bool = False
    """It is being claimed at this moment."""
    is_over: bool = False
    """Nothing was claimed, or asking failed."""
    error: BaseException | None = None

    @property
    def is_ready(self) -> bool:
        """Tell whether nothing is left to wait for but its place in the pace."""
        return self.is_over or (self.claim is not None and self.slot is not None)


@dataclass(frozen=True)
class Ask:
    """What one thread asks the database for, on behalf of all that wait."""

    tickets: Sequence[Ticket[Any, Any]]
    owed: int
    """For how many calls the slots we have are spoken for: those under way, and those claimed and waiting."""
    looks_first: bool
    """Nothing was to be had a moment ago: reading whether there is now costs less than trying."""


@dataclass(frozen=True)
class Answer:
    """What came of it."""

    slots: frozenset[int]
    """All slots we have."""
    claims: Sequence[tuple[Ticket[Any, Any], Any, float]] = ()
    """Who may call or, with None, need not: with the claim, and by the gate's clock when the call may start."""
    wait_seconds: float = 0.0
    """When to ask for the next, as far as the pace goes."""


class Gate:
    """The threads of a process that wait for a permit. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._lock = Lock()
        self._queue: deque[Ticket[Any, Any]] = deque()
        self._claimed: deque[Ticket[Any, Any]] = deque()
        """Those that were claimed and wait for a slot."""
        self._leader: Ticket[Any, Any] | None = None
        """Whose thread asks, or waits until it is worth asking."""
        self._slots = Slots()
        self._asked_at = self._pace_at = self._look_at = self._silent_until = self._assigned_at = float("-inf")
        self._is_asking = self._was_in_vain = False
        self._one_by_one = 0
        """How many are asked for alone: asking for several has failed."""

    @property
    def slots(self) -> frozenset[int]:
        """The slots this process has."""
        return self._slots.mine

    @property
    def in_flight(self) -> int:
        """How many calls of this process are under way."""
        return len(self._slots.calling)

    @property
    def is_beginning(self) -> bool:
        """Tell whether a call is just about to begin."""
        return self.now() < self._assigned_at + BEGINNING_SECONDS

    def ahead(self, slots: int) -> int:
        """Return how many calls may be claimed before there is a slot for them, of so many."""
        return self._slots.ahead(slots, self.now())

    def share_slots(self, slots: int, processes: int) -> Collection[int]:
        """Say every second how many processes share the provider's slots, and return those to be given back."""
        with self._lock:
            return self._slots.divide(slots, processes, wanted=bool(self._queue))

    def enter(self, wish: Wish[J, C], patience: float) -> Ticket[J, C]:
        """Queue up, for at most so many seconds; `leave` in any case."""
        ticket = Ticket(wish, self.now() + patience, Condition(self._lock))
        with self._lock:
            self._queue.append(ticket)
            self._wake(self._leader)
        return ticket

    def await_turn(self, ticket: Ticket[J, C]) -> bool:
        """Wait until this thread is to `ask` for all that wait; False where it need not wait any longer."""
        with self._lock:
            while not ticket.is_ready and (ticket.is_asked or self.now() < ticket.until):
                if self._leader is None:
                    self._leader = ticket
                look_at = self._next_look() if self._leader is ticket else ticket.until
                wait = min(look_at, ticket.until) - self.now()
                if wait <= 0 and self._leader is ticket:
                    return True
                self._pause(ticket, max(wait, 0) or LOOK_SECONDS)
            self._step_down(ticket)
            return False

    def ask(self) -> Ask:
        """Begin to ask: who waits is asked for and does not go away meanwhile. `answer` or `fail` in any case."""
        with self._lock:
            tickets = [
                ticket for ticket, _ in zip(self._queue, range(1 if self._one_by_one else AT_ONCE), strict=False)
            ]
            for ticket in tickets:
                ticket.is_asked = True
            self._one_by_one = max(self._one_by_one - 1, 0)
            self._is_asking, self._asked_at = True, self.now()
            owed = len(self._slots.calling) + len(self._claimed)
            return Ask(tickets, owed, self._was_in_vain and not self._slots.idle and not self._has_room_ahead())

    def answer(self, ask: Ask, answer: Answer) -> None:
        """Hand on what the database has granted."""
        with self._lock:
            had, now = self._slots.mine, self.now()
            self._end(ask)
            self._slots.tell(answer.slots)
            for ticket, claim, starts_at in answer.claims:
                self._queue.remove(ticket)
                ticket.claim, ticket.starts_at, ticket.is_over = claim, starts_at, claim is None
                if claim is not None:
                    self._claimed.append(ticket)
                self._wake(ticket)
            self._pace_at = now + min(answer.wait_seconds, LOOK_RARELY_SECONDS)  # limits may be raised meanwhile
            self._was_in_vain = not answer.claims and not answer.wait_seconds and self._slots.mine <= had
            self._assign()
            if self._was_in_vain or self._claimed:  # who is claimed and has no slot was asked for with the others
                is_soon = self._slots.is_short or not self._slots.calling
                self._look_at = now + (LOOK_SECONDS if is_soon else LOOK_RARELY_SECONDS)

    def fail(self, ask: Ask, error: BaseException) -> None:
        """Let those who were asked for together be asked for one by one: one of them may be why it failed."""
        with self._lock:
            self._end(ask)
            self._one_by_one = len(ask.tickets) if len(ask.tickets) > 1 else self._one_by_one
            if len(ask.tickets) == 1:
                ticket = ask.tickets[0]
                self._queue.remove(ticket)
                ticket.error, ticket.is_over = error, True
                self._wake(ticket)

    def sleep_until(self, moment: float) -> None:
        """Wait for a call's place in the pace."""
        wait = moment - self.now()
        if wait > 0:
            time.sleep(wait)

    def is_stale(self, ticket: Ticket[J, C]) -> bool:
        """Tell whether a claim is not to be used as it is: it has waited for too long, or calls were refused since."""
        if ticket.wish.give_up is None:
            return False
        return self.now() - ticket.starts_at > STALE_SECONDS or self.now() < self._silent_until

    def requeue(self, ticket: Ticket[J, C]) -> None:
        """Let somebody whose claim was taken back be the next to be asked for."""
        with self._lock:
            self._put_down(ticket)
            ticket.claim = ticket.slot = None
            ticket.is_asked = False
            self._queue.appendleft(ticket)

    def leave(self, ticket: Ticket[J, C]) -> Collection[int]:
        """Go without having called; return the slots to be given back, each to be reported as `freed`."""
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
            self._put_down(ticket)
            self._step_down(ticket)
            return self._slots.surplus(len(self._queue), self.now())

    def dismiss(self, slot: int) -> Collection[int]:
        """Note that a call is over; return the slots to be given back, each to be reported as `freed`."""
        with self._lock:
            self._slots.end(slot, self.now())
            self._assign()
            surplus = self._slots.surplus(len(self._queue), self.now())
            return [*surplus, *self._slots.give_back(self._slots.lost(slot))]

    def freed(self, slot: int) -> None:
        """Note that a slot has been given back, or that this failed."""
        with self._lock:
            self._slots.freed(slot, is_read=self._is_asking)

    def silence(self, seconds: float) -> None:
        """Let no claim that was made already be used for so long: calls are refused for speed."""
        with self._lock:
            self._silent_until = max(self._silent_until, self.now() + seconds)

    def _pause(self, ticket: Ticket[Any, Any], seconds: float) -> None:
        ticket.woken.wait(seconds)

    def _wake(self, ticket: Ticket[Any, Any] | None) -> None:
        if ticket is not None:
            ticket.woken.notify()

    def _next_look(self) -> float:
        """Return when it is worth asking."""
        if self._slots.idle:
            return max(self._pace_at, self._silent_until)  # nobody waits for company where a slot stands idle
        asked_next = self._asked_at + ROUND_SECONDS if self._slots.calling else self._asked_at
        more_at = self._asked_at if self._has_room_ahead() else self._slots.more_ahead_at(self.now())
        return max(self._pace_at, self._silent_until, asked_next, min(self._look_at, more_at))

    def _has_room_ahead(self) -> bool:
        """Tell whether the next may be claimed before there is a slot for it."""
        if not self._queue or self._queue[0].wish.give_up is None:
            return False
        slots = self._slots
        return len(slots.calling) + len(self._claimed) < len(slots.mine) + slots.ahead(len(slots.mine), self.now())

    def _assign(self) -> None:
        for slot in self._slots.idle:
            if not self._claimed:
                self._wake(self._leader)
                break
            ticket = self._claimed.popleft()
            ticket.slot = slot
            self._assigned_at = self.now()
            self._slots.use(slot, self._assigned_at)
            self._wake(ticket)

    def _end(self, ask: Ask) -> None:
        self._is_asking = False
        for ticket in ask.tickets:
            ticket.is_asked = False

    def _step_down(self, ticket: Ticket[Any, Any]) -> None:
        if self._leader is ticket:
            self._leader = None
            self._wake(next(iter([*self._queue, *self._claimed]), None))

    def _put_down(self, ticket: Ticket[Any, Any]) -> None:
        """Let a claim go that was not used, and its slot serve others."""
        if ticket in self._claimed:
            self._claimed.remove(ticket)
        if ticket.slot is not None:
            self._slots.let_go(ticket.slot)
            self._assign()
