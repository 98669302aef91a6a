"""A broker that dies, drops connections, forgets or falls silent: no paid call starts twice, and work goes on.

The worker is the product's own process; its task makes one call that counts, as a paid one would. What a row would
forbid is left out on purpose: how often a task starts is decided by Celery and its options alone.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.db.engine import Database
from pipeline.db.migrate import upgrade
from pipeline.settings import Settings
from tests.support.stub_http import Received, Stub, http, stub_server
from tests.support.valkey import RunningValkey, running_valkey
from workers.app import create_app
from workers.binding import BINDING
from workers.relay import CeleryPublisher

ROOT = Path(__file__).parents[2]
WORKER = """
import os, sys, time
import httpx
from pipeline.settings import load_settings
from workers import messaging
from workers.app import app
from workers.serving import watch, worker
from celery.signals import worker_ready

@app.task(name="speech.pay")
def pay(label):
    httpx.post(os.environ["TILL"] + "/" + label, timeout=120)

worker.has_bucket = lambda store: True  # nothing here is stored
if "unsafe" in sys.argv:
    worker.refuse_unsafe = lambda *given: None
    pay.acks_late = True
    del messaging.SteadyAMQP.TaskConsumer  # with receipts, as Celery takes messages by itself
    app.conf.update(task_acks_late=True, worker_disable_prefetch=False, worker_prefetch_multiplier=4)
if "deaf" in sys.argv:
    # The consumer is gone, and nobody has noticed: what several releases of Celery did after a reconnect.
    worker_ready.connect(lambda sender, **_: sender.task_consumer.cancel(), weak=False)
if "hung" in sys.argv:
    # Not even a signal ends the loop.
    worker_ready.connect(lambda sender, **_: sender.hub.call_soon(time.sleep, 600), weak=False)
if "hasty" in sys.argv:
    watch.LOOK_SECONDS, watch.STUCK_SECONDS, watch.STOP_MARGIN_SECONDS = 0.1, 1.0, 1.0
worker.run(load_settings())
"""
START_SECONDS, BACK_SECONDS, HINT_EVERY = 60.0, 10.0, 0.5
THREADS, DEAF_SECONDS = 2, 3.0


def silence_seconds() -> float:
    """Return a time by which every timeout of the worker's sockets has passed, one after the other."""
    options = BINDING["broker_transport_options"]
    assert isinstance(options, dict)
    longest_pop = 1 + 2 * options["health_check_interval"]
    return float(longest_pop + options["socket_timeout"] + options["socket_connect_timeout"])


def kill(broker: RunningValkey) -> None:
    broker.kill()
    broker.start()


def drop_connections(broker: RunningValkey) -> None:
    for kind in ("normal", "pubsub"):
        broker.command("CLIENT", "KILL", "TYPE", kind)


def forget(broker: RunningValkey) -> None:
    broker.command("FLUSHALL")


def fall_silent(broker: RunningValkey) -> None:
    broker.send(signal.SIGSTOP)
    time.sleep(silence_seconds())  # the fault itself: nothing happens that could be waited for
    broker.send(signal.SIGCONT)


FAULTS: dict[str, Callable[[RunningValkey], None]] = {
    "killed": kill,
    "drops_connections": drop_connections,
    "forgets": forget,
    "falls_silent": fall_silent,
}


@dataclass
class Till:
    """Where the paid calls arrive; one that is named so is answered only once the test lets it go."""

    stub: Stub
    may_end: dict[str, threading.Event] = field(default_factory=dict)

    def starts(self) -> Counter[str]:
        """Return how often the call of each label has begun."""
        return Counter(request.path.rpartition("/")[2] for request in tuple(self.stub.requests))


@dataclass(frozen=True)
class Outcome:
    """What became of a worker and its tasks."""

    alive: bool
    starts: int
    """Of the task that was under way."""
    back_after: float | None
    """Seconds from the end of the fault to the start of a task that was hinted at since; None is never."""
    most_starts_since: int
    log: str = field(repr=False)


@contextmanager
def working(broker: RunningValkey, till: Till, folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker, and wait until it takes work."""
    away = {"CALLSHEET_S3_ENDPOINT": "http://127.0.0.1:9", "CALLSHEET_SANDBOX_URL": "http://127.0.0.1:9/v1"}
    keys = {f"CALLSHEET_{name}": "unused" for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY", "SANDBOX_API_KEY")}
    environment = {
        **os.environ,
        **away,
        **keys,
        "CALLSHEET_HOME": str(folder),
        "CALLSHEET_BROKER_URL": broker.url,
        "CALLSHEET_WORKER_THREADS": str(THREADS),
        "CALLSHEET_READY_FILE": str(folder / "ready"),
        "TILL": till.stub.url,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *words], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        until((folder / "ready").exists, START_SECONDS, process)
        yield process
    finally:
        process.kill()
        process.wait()


def until(
    holds: Callable[[], object],
    seconds: float,
    process: subprocess.Popen[bytes],
    every: Callable[[], None] | None = None,
) -> float | None:
    """Wait until it holds; return how long it took, or None where time was up or the worker has ended."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds or process.poll() is not None:
            return None
        if every:
            every()
        time.sleep(0.02)
    return time.monotonic() - began


def play(cell: str, till: Till, folder: Path) -> Outcome:
    """Let the fault happen to a worker at rest, or with a call under way, and see how it goes on."""
    fault, load, *words = cell.split("-")
    flight = f"{cell}-flight"
    till.may_end[flight] = threading.Event()
    with running_valkey(durable=True) as broker, working(broker, till, folder, *words) as process:
        publisher = CeleryPublisher(create_app(Settings(broker_url=broker.url)))
        if load == "busy":
            publisher.publish("speech.pay", flight)
            assert until(lambda: till.starts()[flight], START_SECONDS, process) is not None
        FAULTS[fault](broker)
        hints = Hints(publisher, cell)
        back = until(lambda: hints.begun(till), BACK_SECONDS, process, hints.send_in_time)
        till.may_end[flight].set()
        # What came back twice is begun by now: it stands before the hints in the queue.
        until(lambda: hints.all_begun(till), BACK_SECONDS, process)
        starts = till.starts()
        most = max((starts[label] for label in hints.sent), default=0)
        return Outcome(process.poll() is None, starts[flight], back, most, (folder / "log").read_text())


class Hints:
    """Hints sent after a fault, one every moment, as a sweeper would."""

    def __init__(self, publisher: CeleryPublisher, cell: str) -> None:
        self.sent: list[str] = []
        self._publisher, self._cell, self._due = publisher, cell, 0.0

    def send_in_time(self) -> None:
        """Send one more, if the last was sent a moment ago."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + HINT_EVERY
            self.sent.append(f"{self._cell}-since-{len(self.sent)}")
            self._publisher.publish("speech.pay", self.sent[-1])

    def begun(self, till: Till) -> bool:
        """Tell whether one of them has been taken up."""
        return any(till.starts()[label] for label in self.sent)

    def all_begun(self, till: Till) -> bool:
        """Tell whether the last of them has been taken up."""
        return not self.sent or till.starts()[self.sent[-1]] > 0


@pytest.fixture(scope="module")
def till() -> Iterator[Till]:
    def answer(connection: socket.socket, request: Received) -> None:
        till.may_end.get(request.path.rpartition("/")[2], ended).wait(120)
        connection.sendall(http(200, b"{}"))

    ended = threading.Event()
    ended.set()
    with stub_server(answer) as stub:
        till = Till(stub)
        yield till
        for event in till.may_end.values():
            event.set()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows: Alembic cannot make several at once in one process."""
    path = tmp_path_factory.mktemp("d") / "callsheet.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


CELLS = [f"{fault}-{load}" for fault in FAULTS for load in ("busy", "idle")]
UNSAFE = ["drops_connections-busy-unsafe", "killed-busy-unsafe"]
"""The same with late acknowledgement and prefetch, and nobody who refuses them."""


@pytest.fixture(scope="module")
def outcomes(till: Till, migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Play all cells side by side, each with a broker of its own: nearly all of their time is waiting."""
    home, cells = tmp_path_factory.mktemp("r"), [*CELLS, *UNSAFE]
    for cell in cells:
        (home / cell).mkdir()
        shutil.copyfile(migrated, home / cell / "callsheet.db")
    with ThreadPoolExecutor(len(cells)) as threads:
        played = threads.map(lambda cell: play(cell, till, home / cell), cells)
        return dict(zip(cells, played, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_the_worker_lives_starts_nothing_twice_and_works_on(outcomes: dict[str, Outcome], cell: str) -> None:
    outcome = outcomes[cell]
    assert outcome.alive, outcome.log
    assert outcome.starts == ("busy" in cell), outcome.log
    assert outcome.back_after is not None, outcome.log
    assert outcome.most_starts_since == 1


@pytest.fixture
def stuck(till: Till, migrated: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A worker that has stopped listening, and a message that waits for it."""
    shutil.copyfile(migrated, tmp_path / "callsheet.db")
    with running_valkey() as broker, working(broker, till, tmp_path, *request.param) as process:
        CeleryPublisher(create_app(Settings(broker_url=broker.url))).publish("speech.pay", "unheard")
        yield process


@pytest.mark.parametrize(
    ("stuck", "code"), [(["deaf", "hasty"], 0), (["hung", "hasty"], 1)], indirect=["stuck"], ids=["deaf", "hung"]
)
def test_a_worker_that_takes_nothing_up_ends_so_that_another_can(stuck: subprocess.Popen[bytes], code: int) -> None:
    assert stuck.wait(START_SECONDS) == code


@pytest.mark.parametrize("stuck", [["deaf"]], indirect=True, ids=["deaf"])
def test_nobody_would_end_it_otherwise(stuck: subprocess.Popen[bytes], till: Till) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        stuck.wait(DEAF_SECONDS)
    assert till.starts()["unheard"] == 0


@pytest.mark.parametrize("cell", UNSAFE)
def test_with_late_acknowledgement_and_prefetch_a_paid_call_starts_twice_or_its_worker_dies(
    outcomes: dict[str, Outcome], cell: str
) -> None:
    outcome = outcomes[cell]
    assert outcome.starts >= 2 or not outcome.alive, outcome.log
