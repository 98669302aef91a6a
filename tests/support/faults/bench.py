"""A whole stack whose worker a test has killed or stopped at a named point, and the levers of that test."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
from sqlalchemy import Select, select, update

from pipeline import crash
from pipeline.cli.client import Client
from pipeline.cli.submission import LocalProject
from pipeline.db.clock import now_ms
from pipeline.db.engine import Database
from pipeline.intake.models import Run
from pipeline.settings import Settings, load_settings
from pipeline.speech.models import RunTake, Take
from pipeline.voices.models import Attempt, Orphan, Voice
from tests.support.faults.ledgers import Ledgers, read_ledgers
from tests.support.faults.worlds import World, world
from tests.support.stack import RunningStack, running_stack
from workers.stack.control import Stack
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.parts.programs import Worker

PATIENCE_SECONDS = 150.0
POLL_SECONDS = 0.02
HASTE_SECONDS = 0.4
STALE_MS = 10_000
STATED = ("CALLSHEET_", "PYTHONPATH")
"""What a second worker is told as the first one was: a naive stack has no worker that is not."""
SHORT = {
    crash.PERMISSION: "1",
    "CALLSHEET_SANDBOX_ENGINE": "tone",
    "CALLSHEET_SANDBOX_TIER": "lab",
    "CALLSHEET_SANDBOX_BALANCE_USD": "100000",
    "CALLSHEET_SANDBOX_LATENESS_SECONDS": "0.3",
    "CALLSHEET_WORKER_THREADS": "8",
    "CALLSHEET_FLOWER_URL": "http://127.0.0.1:9",
}
"""Waits that only let time pass are short, and nobody watches by way of Flower: it is not started."""
T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """A running stack; `armed` is the file that names the next crash point."""

    stack: RunningStack
    settings: Settings
    database: Database
    world: World
    client: Client
    armed: Path

    def apply(self, project: Path) -> str:
        """Start a run of a project as `callsheet apply --detach` does, and return its id."""
        local = LocalProject.read(project)
        drawn = self.client.post("/plans", local.plan_body(self.client))
        local.upload(self.client, lambda _name, _size: None)
        body = {"project": local.name, "files": local.hashes, "agreed": drawn["digest"]}
        run_id: str = self.client.post("/runs", body)["id"]
        return run_id

    def status(self, run_id: str) -> dict[str, Any]:
        """Return how a run stands."""
        return self.client.get(f"/runs/{run_id}")

    def decide(self, subject: str, action: str, reason: str) -> None:
        """Decide about what waits for a person, as `callsheet reconcile` does."""
        self.client.post(f"/reconcile/{subject}", {"action": action, "reason": reason, "by": "test"})

    def arm(self, point: str) -> None:
        """Have the first process that passes this point killed or stopped there."""
        partial = self.armed.with_suffix(".new")
        partial.write_text(point)
        partial.replace(self.armed)

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, once each of them takes up work."""
        return until(self._ready_workers, "the workers are ready")

    def struck(self, workers: Sequence[psutil.Process], point: str) -> psutil.Process:
        """Wait until one of these workers has met the point, and return it."""
        met = _is_stopped if point in crash.STOPS else _is_dead
        return until(lambda: next(filter(met, workers), None), f"a worker meets {point}")

    def hasten(self) -> None:
        """Cut short the waits after which a message that nobody has taken up counts as lost."""
        with self.database.write() as session:
            for table in (Attempt, Take):
                announced = update(table).where(table.holder.is_(None), table.lease_until > now_ms())
                session.execute(announced.values(lease_until=0))
            session.execute(update(Attempt).values(created_at=Attempt.created_at - STALE_MS))
            session.execute(update(Voice).values(created_at=Voice.created_at - STALE_MS))

    def finish(self, run_id: str) -> dict[str, Any]:
        """Wait for a run's end and return its status."""

        def over() -> dict[str, Any] | None:
            self.hasten()
            status = self.status(run_id)
            return status if status["state"] != "running" else None

        return until(over, f"{run_id} is over", every=HASTE_SECONDS)

    def ledgers(self) -> Ledgers:
        """Read both sides' books."""
        theirs = self.stack.sandbox("ledger")
        with self.database.read() as session:
            return read_ledgers(session, theirs)

    def attempts(self, run_id: str) -> Sequence[Attempt]:
        """Return a run's paid attempts at voices, oldest first."""
        return self._rows(select(Attempt).where(Attempt.run_id == run_id).order_by(Attempt.id))

    def orphans(self, run_id: str) -> Sequence[Orphan]:
        """Return the voices that came too late for a run."""
        return self._rows(select(Orphan).join(Attempt, Attempt.id == Orphan.attempt_id).where(Attempt.run_id == run_id))

    def takes(self, run_id: str) -> Sequence[Take]:
        """Return a run's takes."""
        return self._rows(select(Take).join(RunTake, RunTake.take_id == Take.id).where(RunTake.run_id == run_id))

    def run(self, run_id: str) -> Run:
        """Return a run's row."""
        return self._rows(select(Run).where(Run.id == run_id))[0]

    def pause(self, seconds: float) -> None:
        """Let an outage last: nothing waits for anything meanwhile."""
        time.sleep(seconds)

    def kept(self) -> list[str]:
        """Return the names of the paid answers on disk."""
        return sorted(path.name for path in self.settings.spool.glob("*"))

    def _ready_workers(self) -> list[psutil.Process] | None:
        records = [json.loads(path.read_text()) for path in self.stack.home.glob("**/run/parts.json")]
        ready = [record["worker"] for record in records if record["worker"]["ready"]]
        try:
            return [psutil.Process(part["pid"]) for part in ready] if len(ready) == len(records) else None
        except psutil.NoSuchProcess:
            return None  # it is dead, and its supervisor has not noticed yet

    def _rows(self, query: Select[T]) -> Sequence[T]:
        with self.database.read() as session:
            return session.scalars(query).all()


@contextmanager
def bench(kind: str, **environment: str) -> Iterator[Bench]:
    """Start a stack on a database of this kind, and end both."""
    with world(kind) as base, tempfile.TemporaryDirectory(prefix="cs-armed-") as folder:
        armed = Path(folder) / "point"
        told = {**SHORT, crash.VARIABLE: f"@{armed}", **base.settings, **environment}
        with running_stack(**told) as stack:
            settings = load_settings(home=stack.home, database_url=base.settings.get("CALLSHEET_DATABASE_URL"))
            database, client = Database(settings.sqlalchemy_url), Client(settings)
            try:
                yield Bench(stack, settings, database, base, client, armed)
            finally:
                database.close()
                client._http.close()
                client._bucket.close()


@dataclass(frozen=True)
class SecondWorker(Worker):
    """A worker in an environment of its own."""

    environment: Mapping[str, str]

    def part(self, ground: Ground, facts: dict[str, str]) -> Part:
        """Return the worker."""
        part = super().part(ground, facts)
        # What is imported before a fork knows nothing of an environment that comes after it.
        return replace(part, environment={**self.environment, **part.environment}, preload=())


@contextmanager
def second_worker(of: Bench) -> Iterator[None]:
    """Run one more worker on a stack's database, broker and bucket, under a supervisor of its own."""
    home = of.stack.home / "second"
    known = {f"CALLSHEET_{name.upper()}": value for name, value in of.stack.facts().items()}
    own = {
        "CALLSHEET_HOME": str(home),
        "CALLSHEET_DATABASE_URL": of.settings.sqlalchemy_url,
        "CALLSHEET_SPOOL_DIR": str(of.settings.spool),
    }
    stated = {name: of.stack.environment[name] for name in of.stack.environment if name.startswith(STATED)}
    settings = load_settings(home=home, database_url=of.settings.sqlalchemy_url)
    stack = Stack(settings, recipes=(SecondWorker({**known, **stated, **own}),), on_death="workers.local:on_death")
    stack.up()
    try:
        yield
    finally:
        stack.down()


def until(
    found: Callable[[], T | None], what: str, *, seconds: float = PATIENCE_SECONDS, every: float = POLL_SECONDS
) -> T:
    """Ask until there is an answer other than None or an empty one, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s until {what}, in vain")
        time.sleep(every)


def go_on(process: psutil.Process) -> None:
    """Wake a process that was stopped."""
    os.kill(process.pid, signal.SIGCONT)


def _is_stopped(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def _is_dead(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
