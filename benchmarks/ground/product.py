"""The whole product on this machine, paying a provider that only waits."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr
from sqlalchemy import func, select

from benchmarks.ground.lines import write_lines
from benchmarks.ground.processes import cpu_seconds, own_cpu_seconds
from benchmarks.ground.provider import Upstream, running_upstream
from benchmarks.ground.upstream import Terms
from pipeline.cli.client import Client
from pipeline.cli.submission import LocalProject
from pipeline.db.engine import Database
from pipeline.intake.models import Run, RunState
from pipeline.ledger.accounts import create_account, issue_key
from pipeline.settings import Settings, load_settings
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from tests.support.faults.worlds import world
from tests.support.stack import ROOT, RunningStack, running_stack
from workers.stack.control import Stack

T = TypeVar("T")
POLL_SECONDS = 0.05
SERVERS = ("valkey", "storage")
"""Parts that are programs of others: broker and bucket."""


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of our own processes, by part, and of the broker and the bucket."""

    ours: Mapping[str, float]
    servers: float

    @property
    def total(self) -> float:
        """Return what our own processes have used."""
        return sum(self.ours.values())

    def since(self, earlier: "Cpu") -> "Cpu":
        """Return what was used in between."""
        return Cpu(
            {part: used - earlier.ours.get(part, 0.0) for part, used in self.ours.items()},
            self.servers - earlier.servers,
        )


@dataclass(frozen=True)
class Customer:
    """An account of the product, and a folder of its own for what it submits."""

    client: Client
    folder: Path

    def submit(self, name: str, count: int) -> Callable[[], str]:
        """Plan and upload so many new lines; what is returned applies the plan, and returns the run's id."""
        local = LocalProject.read(write_lines(self.folder, name, count))
        drawn = self.client.post("/plans", local.plan_body(self.client))
        local.upload(self.client, lambda _name, _size: None)
        body = {"project": local.name, "files": local.hashes, "agreed": drawn["digest"]}
        return lambda: str(self.client.post("/runs", body)["id"])


@dataclass(frozen=True)
class Product:
    """A running stack and the provider behind it."""

    stack: RunningStack
    settings: Settings
    upstream: Upstream
    database: Database
    customer: Customer
    extra_workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def speak(self, name: str, count: int, *, seconds: float = 1_200.0) -> str:
        """Have so many new lines spoken, wait until their run is over, and return its id."""
        run_id = self.customer.submit(name, count)()
        self.wait(run_id, seconds=seconds)
        return run_id

    def wait(self, run_id: str, *, seconds: float = 1_200.0) -> None:
        """Wait for a run's end; raises `RuntimeError` where it does not come or lines are missing."""
        until(lambda: self._state(run_id) is not RunState.RUNNING, f"{run_id} is over", seconds=seconds, every=0.2)
        if self._state(run_id) is not RunState.DONE:
            raise RuntimeError(self._story(run_id))

    def spoken_at(self, run_id: str) -> Sequence[float]:
        """Return when each take that a run pays for was stored and settled, in seconds since 1970, in order."""
        done = select(Take.done_at).where(Take.run_id == run_id, Take.state == TakeState.DONE).order_by(Take.done_at)
        with self.database.read() as session:
            return [millis / 1000 for millis in session.scalars(done) if millis is not None]

    def count_spoken(self, run_id: str) -> int:
        """Return how many takes of a run are settled."""
        done = select(func.count()).where(Take.run_id == run_id, Take.state == TakeState.DONE)
        with self.database.read() as session:
            return session.scalar(done) or 0

    def part_pid(self, part: str) -> int:
        """Return the process of a part as it is now."""
        return self.pids()[part]

    def pids(self) -> Mapping[str, int]:
        """Return the parts' processes, those of further workers included."""
        record = json.loads((self.stack.home / "run" / "parts.json").read_text())
        parts = {part["name"]: part["pid"] for part in record.values() if part["pid"] is not None}
        return parts | {f"worker {number + 2}": worker.pid for number, worker in enumerate(self.extra_workers)}

    def cpu(self) -> Cpu:
        """Return what all parts have used so far."""
        pids = self.pids()
        ours = {part: cpu_seconds([pid]) for part, pid in pids.items() if part not in SERVERS}
        ours["supervisor"] = own_cpu_seconds(self.supervisor_pid())
        return Cpu(ours, cpu_seconds(pid for part, pid in pids.items() if part in SERVERS))

    def supervisor_pid(self) -> int:
        """Return the process that keeps the parts running."""
        pid = Stack(self.settings).state().pid
        assert pid is not None, "the stack is not running"
        return pid

    @contextmanager
    def new_customer(self, name: str) -> Iterator[Customer]:
        """Open one more account."""
        with self.database.write() as session:
            key = issue_key(session, create_account(session, name).id)
        with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
            settings = self.settings.model_copy(update={"api_key": SecretStr(key)})
            client = Client(settings)
            try:
                yield Customer(client, Path(folder))
            finally:
                close(client)

    @contextmanager
    def more_workers(self, count: int) -> Iterator[None]:
        """Run further workers beside the stack's own."""
        marks = [self.stack.home / "run" / f"extra{number}.ready" for number in range(count)]
        try:
            for mark in marks:
                self.extra_workers.append(self._start_worker(mark))
            until(lambda: all(mark.exists() for mark in marks), f"{count} more workers are ready", seconds=120)
            yield
        finally:
            for worker in self.extra_workers:
                worker.terminate()
            for worker in self.extra_workers:
                _end(worker)
            self.extra_workers.clear()

    def _start_worker(self, ready: Path) -> subprocess.Popen[bytes]:
        with (self.stack.home / "logs" / f"{ready.stem}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "workers.serving.worker"],
                env={**self.stack.environment, "CALLSHEET_READY_FILE": str(ready)},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _story(self, run_id: str) -> str:
        """Say how a run has ended, and why as far as its rows know."""
        missed = select(Take.error_kind, func.count()).where(Take.run_id == run_id, Take.error_kind.is_not(None))
        with self.database.read() as session:
            run = session.get_one(Run, run_id)
            causes = [f"{kind} x {count}" for kind, count in session.execute(missed.group_by(Take.error_kind))]
        return f"{run_id} has ended {run.state}, reason {run.reason}, takes: {', '.join(causes) or 'none failed'}"

    def _state(self, run_id: str) -> RunState | None:
        with self.database.read() as session:
            return session.scalar(select(Run.state).where(Run.id == run_id))


@contextmanager
def product(terms: Terms, *, database: str = "sqlite", threads: int | None = None) -> Iterator[Product]:
    """Run the product on `sqlite` or `postgresql` against a provider of these terms, and end all of it.

    A worker has twice as many threads as the provider has slots, unless it is told how many.
    """
    with ExitStack() as opened:
        upstream = opened.enter_context(running_upstream())
        upstream.begin(terms)
        base = opened.enter_context(world(database))
        told = {
            **base.settings,
            "CALLSHEET_PROVIDER": "kyma",
            "CALLSHEET_KYMA_BASE_URL": f"{upstream.url}/v1",
            "KYMA_API_KEY": "stub",
            "CALLSHEET_WORKER_THREADS": str(threads or max(16, terms.concurrent * 2)),
        }
        stack = opened.enter_context(running_stack(**told))
        settings = load_settings(home=stack.home, database_url=base.settings.get("CALLSHEET_DATABASE_URL"))
        rows = Database(settings.sqlalchemy_url)
        opened.callback(rows.close)
        client = Client(settings)
        opened.callback(close, client)
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="cs-bench-")))
        yield Product(stack, settings, upstream, rows, Customer(client, folder))


def until(found: Callable[[], T | None], what: str, *, seconds: float, every: float = POLL_SECONDS) -> T:
    """Ask until there is an answer, and return it; raises `RuntimeError` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s until {what}, in vain")
        time.sleep(every)
    return answer


def close(client: Client) -> None:
    """Close a client's connections."""
    client._http.close()  # noqa: SLF001 - a command ends before it would have to
    client._bucket.close()  # noqa: SLF001 - same


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(20)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
