"""The edge: where transactions begin and end, where hints go out after a commit, where a permit is waited for."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from threading import BoundedSemaphore
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from pipeline.audio import ReferenceRules
from pipeline.db import leases, limits
from pipeline.db.engine import Database
from pipeline.db.events import emitted
from pipeline.flow import FLOW, Publisher
from pipeline.gate import BEGINNING_SECONDS, ROUND_SECONDS, Answer, Ask, Gate, Ticket, Wish
from pipeline.ledger import provider_account
from pipeline.provider.port import VoiceProvider
from pipeline.quality import Ears, Judging, Voices
from pipeline.scribe import Scribe
from pipeline.storage.port import ObjectStore
from pipeline.storage.spool import Spool

T = TypeVar("T")
J = TypeVar("J")
C = TypeVar("C")
PATIENCE_SECONDS = 3.0
"""How long a thread waits for a permit before it puts its work back for others; less than `leases.HINT_SECONDS`."""
AWAY = (OperationalError, InterfaceError)
"""What is raised where the database is away."""
AWAY_SECONDS = 60.0
"""How long the outcome of a call waits for a database that is away."""
LEASE_MARGIN_SECONDS = 5.0
"""How much longer than the wait and the call a slot is ours: the clocks are not the same."""
FINISHING = 2
"""How many threads do what follows a call at once, while others begin theirs."""
FINISHING_SECONDS = 0.3
"""How long a thread waits to do so: with a bucket that takes its time there are more of them."""
RETURN_SECONDS = 0.2
"""How soon a database that is away is asked again."""


@dataclass(frozen=True)
class Admission(Generic[C]):
    """A permit for one call, and the claim that was made for it."""

    claim: C
    slot: int


@dataclass(frozen=True)
class Edge:
    """Everything a task or a request works with. Shared by the threads of one process."""

    database: Database
    store: ObjectStore
    provider: VoiceProvider
    publisher: Publisher
    reference_rules: ReferenceRules
    speech_timeout: float
    clone_timeout: float
    spool: Spool
    quiescence_seconds: float = 900.0
    """How long the sender of a call of unknown outcome may still be sending, where nobody has seen it end."""
    holder: str = ""
    """The id this process claims rows under."""
    gate: Gate = field(default_factory=Gate)
    scribe: Scribe = field(default_factory=Scribe)
    ears: Judging = field(default_factory=Ears)
    voices: Voices = field(default_factory=Voices)
    """What this process has heard of each voice."""
    finishing: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(FINISHING))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run a transaction that only reads."""
        with self.database.read() as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Ask one question of the rows, outside any session: the least there is to a read."""
        with self.database.glance() as connection:
            yield connection

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:
        """Run a transaction; once it is committed, publish the events it left. `first` goes before who waits to."""
        with self.database.write(first=first) as session:
            yield session
        for name, events in groupby(emitted(session), key=lambda event: event.name):
            self.publisher.publish(FLOW[name], *(event.id for event in events))

    def record(self, action: Callable[[Session], T]) -> T:
        """Run a transaction that writes down what has happened already; a database that is away is waited for.

        It may run twice, and must be harmless then: a commit whose connection broke may have been done. Raises
        `OperationalError` or `InterfaceError` where the database stays away.
        """
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                with self.write() as session:
                    return action(session)
            except AWAY:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETURN_SECONDS)

    def record_together(self, write: Callable[[Session, Sequence[J]], object], what: J) -> None:
        """Record something as `record` does, in one transaction with what other threads record in the same moment."""
        pause = ROUND_SECONDS if self.gate.in_flight else 0.0
        self.scribe.write(
            write, what, lambda items: self.record(lambda session: write(session, items)), pause=pause, shared=AWAY
        )

    def admit(self, wish: Wish[J, C]) -> Admission[C] | None:
        """Wait for a permit and for the claim that is made under it: a throttled worker holds no claim.

        Returns None where there was no permit in time, where the provider's account is blocked, or where nothing was
        claimed. Raises what claiming has raised.
        """
        ticket, admission = self.gate.enter(wish, PATIENCE_SECONDS), None
        try:
            while admission is None:
                while self.gate.await_turn(ticket):
                    self._ask()
                if ticket.error is not None:
                    raise ticket.error
                if ticket.claim is None:
                    return None
                if ticket.slot is not None and not self.gate.is_stale(ticket):
                    admission = Admission(ticket.claim, ticket.slot)
                elif not self._take_back(ticket, ticket.claim):
                    return None
        finally:
            if admission is None:
                self._free(self.gate.leave(ticket))
        self.gate.sleep_until(ticket.starts_at)
        return admission

    def dismiss(self, admission: Admission[C]) -> None:
        """Give the permit back: the call is over, storing and settling need none."""
        self._free(self.gate.dismiss(admission.slot))

    @contextmanager
    def finish(self) -> Iterator[None]:
        """Do what follows a call in good order: calls that ended together would keep the next ones from beginning."""
        until = time.monotonic() + FINISHING_SECONDS
        has_turn = self.finishing.acquire(timeout=FINISHING_SECONDS)
        try:
            while self.gate.is_beginning and time.monotonic() < until:
                time.sleep(BEGINNING_SECONDS)
            yield
        finally:
            if has_turn:
                self.finishing.release()

    def share_slots(self) -> None:
        """Look how many workers share the provider's slots, and keep no more than this one's share for long."""
        with self.read() as session:
            slots, workers = limits.concurrency(session, self.provider.name), leases.alive(session, leases.WORKER)
        self._free(self.gate.share_slots(slots, workers))

    def _ask(self) -> None:
        """Ask for all threads that wait."""
        ask = self.gate.ask()
        try:
            answer = self._look(ask) if ask.looks_first else None
            if answer is None:
                with self.write() as session:
                    answer = self._draw(session, ask)
        except BaseException as error:
            self.gate.fail(ask, error)
            if not isinstance(error, Exception):
                raise
        else:
            self.gate.answer(ask, answer)

    def _look(self, ask: Ask) -> Answer | None:
        """Return that there is nothing to be had yet, where that can be told without asking."""
        with self.read() as session:
            if provider_account.is_blocked(session, self.provider.name):
                return Answer(self.gate.slots, [(ticket, None, 0.0) for ticket in ask.tickets])
            wait_ms = limits.wait_ms(session, self.provider.name)
        return Answer(self.gate.slots) if wait_ms else None

    def _draw(self, session: Session, ask: Ask) -> Answer:
        """Take slots and places for those who wait, and let them make their claims."""
        seconds = max((ticket.wish.seconds for ticket in ask.tickets), default=0.0)
        drawn = limits.draw(
            session,
            self.provider.name,
            holder=self.holder,
            seconds=seconds + PATIENCE_SECONDS + LEASE_MARGIN_SECONDS,
            characters=[ticket.wish.characters for ticket in ask.tickets],
            owed=ask.owed,
            ahead=self.gate.ahead,
        )
        now = self.gate.now()
        starts = [now + start / 1000 for start in drawn.starts]
        called = self._to_be_called(ask, len(starts), len(drawn.slots) - ask.owed)
        entered = provider_account.enter(session, self.provider.name, len(called)) if called else 0
        claims = self._claims(session, [ticket.wish for ticket in called[:entered]])
        refused = len(called) - entered
        granted = list(zip(called, [*claims, *[None] * refused], starts, strict=False))
        return Answer(drawn.slots, granted, drawn.wait_ms / 1000)

    def _to_be_called(self, ask: Ask, places: int, slots: int) -> Sequence[Ticket[Any, Any]]:
        """Return for whom there is a place; who cannot take a claim back needs a slot at once, and is not overtaken."""
        tickets = ask.tickets[:places]
        needy = (number for number, ticket in enumerate(tickets) if number >= slots and ticket.wish.give_up is None)
        return tickets[: next(needy, places)]

    def _claims(self, session: Session, wishes: Sequence[Wish[Any, Any]]) -> Sequence[Any]:
        claims: list[Any] = []
        for claim, group in groupby(wishes, key=lambda wish: wish.claim):
            together = list(group)
            seconds = max(wish.seconds for wish in together)
            claims += claim(session, [wish.job for wish in together], self.holder, seconds)
        return claims

    def _take_back(self, ticket: Ticket[J, C], claim: C) -> bool:
        """Take a claim back that has waited for too long, and let it be made anew while there is time."""
        give_up, job = ticket.wish.give_up, ticket.wish.job
        if give_up is None:
            return False  # such a claim has a slot, and is never stale
        self.record(lambda session: give_up(session, job, claim))
        if ticket.slot is None:
            return False
        self.gate.requeue(ticket)
        return True

    def _free(self, slots: Collection[int]) -> None:
        for slot in slots:
            try:
                self.record(partial(limits.free, name=self.provider.name, slot=slot, holder=self.holder))
            finally:
                self.gate.freed(slot)

    def wait_place(self, characters: int = 0) -> None:
        """Wait for the next place in the pace, for one more call under the same permit."""
        while True:
            with self.read() as session:
                wait = limits.wait_place_ms(session, self.provider.name, characters=characters)
            if wait:
                time.sleep(wait / 1000)
                continue
            with self.write() as session:
                if limits.take_place(session, self.provider.name, characters=characters):
                    return

    def cool_down(self, seconds: float) -> None:
        """Let no worker call the provider for a while: it has refused a call for speed."""
        self.gate.silence(max(seconds, limits.LEAST_COOLDOWN_SECONDS))
        with self.write() as session:
            limits.cool_down(session, self.provider.name, seconds)
