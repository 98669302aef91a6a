"""The edge: where transactions begin and end, where hints go out after a commit, where a permit is waited for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from pipeline.audio import ReferenceRules
from pipeline.db import limits
from pipeline.db.engine import Database
from pipeline.db.events import emitted
from pipeline.flow import FLOW, Publisher
from pipeline.gate import Gate, Held
from pipeline.ledger import provider_account
from pipeline.provider.port import VoiceProvider
from pipeline.storage.port import ObjectStore
from pipeline.storage.spool import Spool

T = TypeVar("T")
PATIENCE_SECONDS = 3.0
"""How long a thread waits for a permit before it puts its work back for others; less than `leases.HINT_SECONDS`."""
AWAY_SECONDS = 60.0
"""How long the outcome of a call waits for a database that is away."""
RETURN_SECONDS = 0.2
"""How soon a database that is away is asked again."""


@dataclass(frozen=True)
class Admission(Generic[T]):
    """A permit for one call, and the claim that was made under it."""

    claim: T
    held: Held


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

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run a transaction that only reads."""
        with self.database.read() as session:
            yield session

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:
        """Run a transaction; once it is committed, publish the events it left. `first` goes before who waits to."""
        with self.database.write(first=first) as session:
            yield session
        for event in emitted(session):
            self.publisher.publish(FLOW[event.name], event.id)

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
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETURN_SECONDS)

    def admit(
        self, begin: Callable[[Session], T | None], *, seconds: float, characters: int = 0
    ) -> Admission[T] | None:
        """Wait for a permit, then claim under it: a throttled worker holds no claim.

        Returns None where there was no permit in time, where the provider's account is blocked, or where `begin`
        claimed nothing; `seconds` is how long the call may take, `characters` how many are to be spoken by it.
        """
        name, deadline = self.provider.name, time.monotonic() + PATIENCE_SECONDS
        while True:
            got = self._queue(begin, deadline, seconds, characters)
            if not isinstance(got, Held):
                return got
            with self.write() as session:
                if limits.keep(session, name, got.slot, holder=self.holder, seconds=seconds, characters=characters):
                    return self._begin(session, begin, got)

    def dismiss(self, admission: Admission[T]) -> None:
        """Give the permit back: the call is over, storing and settling need none."""
        if not self.gate.hand(admission.held):
            self._free(admission.held)

    def _queue(
        self, begin: Callable[[Session], T | None], deadline: float, seconds: float, characters: int
    ) -> Admission[T] | Held | None:
        """Ask for a permit once it is this thread's turn; return a slot instead where another thread hands one on."""
        name, asks = self.provider.name, self.gate.enter(deadline - time.monotonic())
        try:
            while asks and time.monotonic() < deadline:
                with self.read() as session:
                    if provider_account.is_blocked(session, name):
                        return None
                    wait = limits.wait_ms(session, name, characters=characters)
                pause = min(wait / 1000, max(deadline - time.monotonic(), 0))
                handed = self.gate.take(pause, wants_slot=wait <= limits.SLOT_POLL_MS)
                if handed is not None:
                    return handed
                if wait:
                    continue
                with self.write() as session:
                    slot = limits.acquire(session, name, holder=self.holder, seconds=seconds, characters=characters)
                    if slot is not None:
                        return self._begin(session, begin, Held(slot, time.monotonic()))
            return None
        finally:
            for left in self.gate.leave(asked=asks):
                self._free(left)

    def _begin(self, session: Session, begin: Callable[[Session], T | None], held: Held) -> Admission[T] | None:
        claim = begin(session) if provider_account.enter(session, self.provider.name) else None
        if claim is None:
            limits.free(session, self.provider.name, held.slot, self.holder)
            return None
        return Admission(claim, held)

    def _free(self, held: Held) -> None:
        self.record(lambda session: limits.free(session, self.provider.name, held.slot, self.holder))

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
        with self.write() as session:
            limits.cool_down(session, self.provider.name, seconds)
