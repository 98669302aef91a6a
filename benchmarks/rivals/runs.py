"""The rivals at work: each is started, speaks some lines, says what CPU that has cost, and is ended."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.ground.lines import text as line_text
from benchmarks.ground.processes import cpu_seconds
from benchmarks.rivals import errand
from pipeline.db.engine import Database
from tests.support.stack import ROOT

SECONDS = 300.0
SENDING = "benchmarks.rivals.sending"


class Unfinished(RuntimeError):
    """Some lines are still not spoken, `done` of `count` are."""

    def __init__(self, done: int, count: int, seconds: float) -> None:
        super().__init__(f"{done} of {count} lines are spoken after {seconds:.0f} s")
        self.done, self.count = done, count


@dataclass(frozen=True)
class Bench:
    """What a rival works on: the lines' table, and where everything else is."""

    database: Database
    address: errand.Address
    folder: Path

    def add(self, first: int, count: int) -> None:
        """Add lines to be spoken."""
        rows = [{"id": number, "text": line_text("rival", number)} for number in range(first, first + count)]
        with self.database.write() as session:
            session.execute(text(errand.TABLE))
            session.execute(text(errand.ADD), rows)

    def count_done(self, first: int, count: int) -> int:
        """Return how many of these lines are spoken."""
        with self.database.read() as session:
            return session.scalar(text(errand.COUNT), {"first": first, "past": first + count}) or 0

    def wait(self, first: int, count: int, *, seconds: float = SECONDS) -> None:
        """Wait until these lines are spoken; raises `Unfinished`."""
        deadline = time.monotonic() + seconds
        while (done := self.count_done(first, count)) < count:
            if time.monotonic() > deadline:
                raise Unfinished(done, count, seconds)
            time.sleep(0.1)

    def environment(self, **more: str) -> Mapping[str, str]:
        """Return the environment of a rival's process."""
        return {**surroundings(), **self.address.environment(), **more}


class Running(Protocol):
    """A rival that is ready."""

    def speak(self, first: int, count: int) -> float:
        """Have these lines spoken and return the CPU seconds a line has cost, in all its processes."""


class Rival(Protocol):
    """Another way to have lines spoken."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def is_installed(self) -> bool:
        """Tell whether it can be measured here."""

    def running(self, bench: Bench, /) -> contextlib.AbstractContextManager[Running]:
        """Run it for as long as it is needed."""


@dataclass(frozen=True)
class Script:
    """The floor: one process that ends with its lines."""

    bench: Bench

    def speak(self, first: int, count: int) -> float:
        """Speak them."""
        self.bench.add(first, count)
        told = _run(["benchmarks.rivals.floor", str(first), str(count)], self.bench.environment())
        self.bench.wait(first, count)
        return told


@dataclass(frozen=True)
class Queue:
    """A queue's worker, and a module that sends to it."""

    bench: Bench
    module: str
    environment: Mapping[str, str]
    pid: int

    def speak(self, first: int, count: int) -> float:
        """Send them, and wait until the worker is through."""
        self.bench.add(first, count)
        before = cpu_seconds([self.pid])
        sending = _run([SENDING, self.module, str(first), str(count)], self.environment)
        self.bench.wait(first, count)
        return sending + (cpu_seconds([self.pid]) - before) / count


@dataclass(frozen=True)
class Floor:
    """A thread pool and nothing else."""

    name: str = "floor"
    is_installed: bool = True

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        """Need nothing but the lines."""
        yield Script(bench)


@dataclass(frozen=True)
class Queued:
    """A task queue with one message a line; `worker` is what follows `python -m`."""

    name: str
    package: str
    module: str
    worker: Sequence[str]

    @property
    def is_installed(self) -> bool:
        """Tell whether its package is there."""
        return importlib.util.find_spec(self.package) is not None

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        """Run its worker, and let it speak a few lines before it counts."""
        environment = bench.environment(**_addresses(bench))
        command = [sys.executable, "-m", *(word.format(threads=bench.address.threads) for word in self.worker)]
        if self.package == "procrastinate":
            lay_schema(environment)
        with (bench.folder / f"{self.name}.log").open("wb") as log, ended(command, environment, log.fileno()) as pid:
            queue = Queue(bench, self.module, environment, pid)
            queue.speak(10_000_000 + 1_000 * QUEUES.index(self), 20)
            yield queue


CELERY = Queued(
    "celery",
    "celery",
    "benchmarks.rivals.celery_app",
    ("celery", "-A", "benchmarks.rivals.celery_app", "worker", "-P", "threads", "-c", "{threads}", "-l", "WARNING"),
)
DRAMATIQ = Queued(
    "dramatiq",
    "dramatiq",
    "benchmarks.rivals.dramatiq_app",
    ("dramatiq", "-p", "1", "-t", "{threads}", "benchmarks.rivals.dramatiq_app"),
)
PROCRASTINATE = Queued(
    "procrastinate",
    "procrastinate",
    "benchmarks.rivals.procrastinate_app",
    ("procrastinate", "-a", "benchmarks.rivals.procrastinate_app.app", "worker", "-c", "{threads}"),
)
QUEUES = (CELERY, DRAMATIQ, PROCRASTINATE)


def surroundings() -> Mapping[str, str]:
    """Return this process's environment, with this checkout before whatever else Python finds."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@contextlib.contextmanager
def ended(command: Sequence[str], environment: Mapping[str, str], log: int) -> Iterator[int]:
    """Run a process, yield its pid, and end it whatever happens."""
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    ) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def lay_schema(environment: Mapping[str, str]) -> None:
    """Lay procrastinate's tables, unless they are there."""
    command = [
        sys.executable,
        "-m",
        "procrastinate",
        "-a",
        "benchmarks.rivals.procrastinate_app.app",
        "schema",
        "--apply",
    ]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=60)


def _addresses(bench: Bench) -> Mapping[str, str]:
    """Return broker and database as the rivals write them."""
    url = make_url(bench.address.database_url)
    conninfo = f"dbname={url.database} user={url.username} host={url.query.get('host', '')}"
    redis_url = bench.address.broker_url.replace("redis+socket://", "unix://")
    return {"BENCH_CONNINFO": conninfo, "BENCH_REDIS_URL": redis_url}


def _run(words: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a module to its end and return the CPU seconds a line that it writes."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS
    )
    return float(done.stdout)
