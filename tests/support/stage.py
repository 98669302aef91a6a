"""The pipeline on one thread: real tasks, a real database, a real store, a scripted provider, and no broker.

Messages wait until the test hands them on. Time passes by moving what is stored, never by waiting.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update

from pipeline.audio import ReferenceRules
from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.db.limits import Pace
from pipeline.edge import Edge
from pipeline.gate import Gate
from pipeline.ledger.models import ProviderAccount
from pipeline.ledger.prices import store_prices
from pipeline.provider.errors import ProviderError
from pipeline.provider.port import VoiceProvider
from pipeline.references.models import Reference
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.storage.local import LocalStore
from pipeline.storage.spool import Spool
from pipeline.voices.models import Attempt, Voice
from tests.support import factories
from tests.support.books import assert_books_balance
from tests.support.ears import ScriptedEars
from tests.support.fakes import PRICES, PROVIDER, Messages, ScriptedProvider, tone
from workers import relay
from workers.app import Station, app

TIMEOUT_SECONDS = 60.0
AN_HOUR_MS = 3_600_000
MOST_MESSAGES = 2_000
EXPECTED = (ProviderError, speech.TakeMissed)
"""What a task raises so that it shows as failed; the row says what follows."""


@dataclass
class StageClock:
    """What the gate of the stage tells the time by."""

    passed_seconds: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed_seconds


@dataclass
class Stage:
    """Everything that takes part."""

    edge: Edge
    provider: ScriptedProvider
    messages: Messages
    store: LocalStore
    ears: ScriptedEars
    clock: "StageClock"
    failures: list[Exception] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.edge.database

    def hand_on(self) -> None:
        """Let the tasks run that were hinted at so far, each once."""
        for _ in range(len(self.messages.waiting)):
            self.run(*self.messages.waiting.popleft())

    def work(self) -> None:
        """Let the tasks run until none is hinted at any more."""
        for _ in range(MOST_MESSAGES):
            if not self.messages.waiting:
                return
            self.run(*self.messages.waiting.popleft())
        raise AssertionError("the messages do not come to an end")

    def run(self, task: str, row_id: str) -> None:
        """Run one task as a worker does."""
        try:
            app.tasks[task].run(row_id)
        except EXPECTED as error:
            self.failures.append(error)

    def sweep(self, rounds: int = 1) -> None:
        """Let the sweeper look at every stage."""
        for _ in range(rounds):
            assert relay.sweep(self.edge)

    def settle_down(self, rounds: int = 30) -> None:
        """Let time pass, sweep and work until a sweep finds nothing to do, or for so many rounds."""
        for _ in range(rounds):
            self.work()
            self.pass_time()
            self.sweep()
            if not self.messages.waiting:
                return
        self.work()

    def pass_time(self) -> None:
        """Let an hour go by, in which every worker beats: what was put off is due, what is old is older."""
        self.clock.passed_seconds += AN_HOUR_MS / 1000
        with self.database.write() as session:
            session.execute(update(Pace).values(next_at=0, cooldown_until=0))
            later = {"probe_at": ProviderAccount.probe_at - AN_HOUR_MS}
            session.execute(update(ProviderAccount).where(ProviderAccount.probe_at > 0).values(**later))
            for table in (Take, Attempt):
                session.execute(update(table).values(not_before=0))
            for aged in (Take, Attempt, Voice, Reference):
                session.execute(update(aged).values(created_at=aged.created_at - AN_HOUR_MS))
            for leased in (Take, Attempt, Reference):
                later = leased.lease_until - AN_HOUR_MS
                session.execute(update(leased).where(leased.lease_until.is_not(None)).values(lease_until=later))
            since = {"settled_at": Attempt.settled_at - AN_HOUR_MS, "doubted_at": Attempt.doubted_at - AN_HOUR_MS}
            session.execute(update(Attempt).values(**since))

    def keeper(self, job: speech.Job, claim: speech.Claim) -> speech.Keeper:
        """Return what keeps the audio of an attempt that the test makes by itself."""
        return speech.Keeper(self.store, self.edge.spool, job, claim)

    def kill_worker(self) -> None:
        """End the worker that claims rows here; the next ones do not share its fate."""
        with self.database.write() as session:
            factories.bury(session, self.edge.holder)

    def add_recording(self, name: str = "mara") -> None:
        """Put the normalised form of a ready reference into the bucket."""
        key = f"references/{factories.sha256(name)}.wav"
        if self.store.head(key) is None:
            self.store.put(key, tone(), content_type="audio/wav")


@contextmanager
def open_stage(database: Database, folder: Path, upstream: VoiceProvider | None = None) -> Iterator[Stage]:
    """Set a stage up, and audit the books when it is taken down; `upstream` speaks in the scripted provider's place."""
    provider, messages, store = ScriptedProvider(), Messages(), LocalStore(folder / "bucket")
    ears, clock = ScriptedEars(), StageClock()
    store.ensure_bucket()
    with database.write() as session:
        factories.open_limits(session)
        store_prices(session, PROVIDER, PRICES)
        holder = leases.join(session)
    edge = Edge(
        database=database,
        store=store,
        provider=upstream or provider,
        publisher=messages,
        reference_rules=ReferenceRules(),
        speech_timeout=TIMEOUT_SECONDS,
        clone_timeout=TIMEOUT_SECONDS,
        spool=Spool(folder / "spool"),
        holder=holder,
        ears=ears,
        gate=Gate(clock),
    )
    app.loader.import_default_modules()
    Station.edge = edge
    try:
        yield Stage(edge, provider, messages, store, ears, clock)
        with database.read() as session:
            assert_books_balance(session)
    finally:
        Station.edge = None
