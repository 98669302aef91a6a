"""The machines: workers that run the product's tasks, a sweeper, their supervisors, and the broker between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from pipeline.audio import ReferenceRules
from pipeline.db import leases
from pipeline.edge import Edge
from pipeline.provider.errors import ProviderError
from pipeline.storage.port import StorageError
from tests.simulation.database import DatabaseAway, SimulatedDatabase
from tests.simulation.disk import Disk, SimulatedSpool, SimulatedStore
from tests.simulation.scheduler import Process
from tests.simulation.upstream import CLONE_TIMEOUT_SECONDS, SimulatedProvider
from tests.simulation.waiting import SimulatedGate
from tests.simulation.world import World
from workers import relay
from workers.app import app

EXPECTED = (ProviderError, StorageError, SQLAlchemyError)
"""What a task may end in: its row says what follows."""
KEPT_MS = 3_000
"""A beat after an answer has been on disk for long enough to be anybody's."""
MACHINES = ("left", "right")
FIRST_PID = 100
SWEEP_MS = 180_000
"""How long nobody may look for what stands still."""
STANDING = """
WITH dead AS (SELECT id FROM instances WHERE beat_at < :now - :dead_after)
SELECT 1 FROM attempts WHERE state = 'sending' AND (lease_until < :now OR holder IN dead)
UNION ALL SELECT 1 FROM attempts
WHERE state IN ('ambiguous', 'reserved') AND not_before <= :now AND coalesce(lease_until, 0) < :now
UNION ALL SELECT 1 FROM voices WHERE state = 'wanted'
UNION ALL SELECT 1 FROM runs WHERE state = 'running' AND reason IS NOT NULL
UNION ALL SELECT 1 FROM slots WHERE holder IN dead
UNION ALL SELECT 1 FROM provider_accounts WHERE blocked_at IS NOT NULL AND probe_at <= :now
LIMIT 1
"""
"""Whether a sweep would find anything: a real one looks every second, in vain most of the time."""


@dataclass(eq=False)
class Machine:
    """A host with its disk and the one worker its supervisor keeps running there."""

    name: str
    disk: Disk = field(default_factory=Disk)
    worker: "Worker | None" = None


@dataclass(eq=False)
class Worker(Process):
    """A worker process: it runs tasks, beats, and records what is on its machine's disk."""

    machine: Machine = field(default_factory=lambda: Machine("nowhere"))
    pid: int = 0
    edge: Edge | None = None
    """What its tasks work with; None until it has registered."""
    watches_disk: bool = False


class Broker:
    """Hints: lost, doubled, late, and never the truth."""

    def __init__(self, world: World, deliver: Callable[[str, str], bool]) -> None:
        self.waiting = 0
        self._world = world
        self._deliver = deliver

    def publish(self, task: str, *row_ids: str) -> None:
        """Send hints."""
        for row_id in row_ids:
            self._publish(task, row_id)

    def _publish(self, task: str, row_id: str) -> None:
        if self._world.chance(self._world.weather.lost):
            self._world.note(f"lost {task}")
            return
        for _ in range(2 if self._world.chance(self._world.weather.twice) else 1):
            self.waiting += 1
            self._send(task, row_id, 40_000 if self._world.chance(self._world.weather.lost) else 200)

    def _send(self, task: str, row_id: str, longest_ms: int) -> None:
        self._world.scheduler.later(self._world.rng.randrange(longest_ms), partial(self._arrive, task, row_id))

    def _arrive(self, task: str, row_id: str) -> None:
        if self._deliver(task, row_id):
            self.waiting -= 1
        else:
            self._send(task, row_id, 5_000)  # nobody listens: it stays in the queue


class Plant:
    """Everything that runs by itself."""

    def __init__(
        self, world: World, database: SimulatedDatabase, provider: SimulatedProvider, quiescence: float
    ) -> None:
        self.world = world
        self.database = database
        self.provider = provider
        self.broker = Broker(world, self._deliver)
        self.machines = [Machine(name) for name in MACHINES]
        self.supervisor = Process("supervisor", mortal=False)
        self.edge = self._edge(Disk(), holder="", quiescence=quiescence)
        self.audition: Callable[[str], None] | None = None
        """What a voice that is ready is tried with, where something is to be tried."""
        self._quiescence = quiescence
        self._pids = FIRST_PID
        world.on_death = self._bury

    def start(self, holders: Sequence[str], *, sweeps: bool) -> None:
        """Start the workers, whose claims are known under these ids, and a sweeper."""
        for machine, holder in zip(self.machines, holders, strict=True):
            self._staff(machine, holder)
        if sweeps:
            self._start_sweeper()

    def workers(self) -> list[Worker]:
        """Return the workers that can take work."""
        return [m.worker for m in self.machines if m.worker and m.worker.alive and m.worker.edge]

    def is_idle(self) -> bool:
        """Tell whether no task is running, none is waited for, and no disk holds an answer."""
        busy = any(worker.actors for worker in self.workers())
        return not busy and not self.broker.waiting and not any(machine.disk.files for machine in self.machines)

    def retry(self, what: Callable[[], None]) -> None:
        """Do something again until the database has it."""
        while True:
            try:
                what()
            except DatabaseAway:
                self.world.sleep(1_000)
            else:
                return

    def beat(self) -> None:
        """Write the beats of the workers that live and are awake: each writes one a second."""
        now = self.world.clock
        awake = [(now.database_ms, w.edge.holder) for w in self.workers() if w.edge and w.paused_until <= now.now]
        if not self.database.is_away():
            self.database.raw.executemany("UPDATE instances SET beat_at = ? WHERE id = ?", awake)

    def _edge(self, disk: Disk, holder: str, quiescence: float) -> Edge:
        return Edge(
            database=self.database,
            store=SimulatedStore(self.world),
            provider=self.provider,
            publisher=self.broker,
            reference_rules=ReferenceRules(),
            speech_timeout=60.0,
            clone_timeout=CLONE_TIMEOUT_SECONDS,
            spool=SimulatedSpool(self.world, disk),
            quiescence_seconds=quiescence,
            holder=holder,
            gate=SimulatedGate(self.world),
        )

    def _deliver(self, task: str, row_id: str) -> bool:
        workers = self.workers()
        if not workers:
            return False
        worker = self.world.rng.choice(workers)
        self._run(worker, task, row_id)
        if not worker.watches_disk:
            self._watch_disk(worker)
        return True

    def _run(self, worker: Worker, task: str, row_id: str) -> None:
        if task == "speech.open_voice" and self.audition:
            self.world.scheduler.start(worker, "audition", partial(self.audition, row_id))
        elif not task.startswith("speech.") or task == "speech.stop_run":
            self.world.scheduler.start(worker, task, partial(self._attempt, partial(app.tasks[task].run, row_id)))

    def _attempt(self, body: Callable[[], None]) -> None:
        try:
            body()
        except EXPECTED as error:
            self.world.note(f"ended in {type(error).__name__}")

    def _watch_disk(self, worker: Worker) -> None:
        """Let a worker look at its disk with its beats, for as long as it lives and something is there."""
        worker.watches_disk = True
        self.world.scheduler.later(KEPT_MS, partial(self._look_at_disk, worker))

    def _look_at_disk(self, worker: Worker) -> None:
        worker.watches_disk = worker.alive and bool(worker.machine.disk.files or worker.actors)
        if not worker.watches_disk:
            return
        if worker.machine.disk.files and worker.edge:
            body = partial(self._attempt, partial(relay.record_kept_answers, worker.edge))
            self.world.scheduler.start(worker, "record_kept_answers", body)
        self.world.scheduler.later(KEPT_MS * 4, partial(self._look_at_disk, worker))

    def _staff(self, machine: Machine, holder: str | None = None) -> None:
        worker = Worker(f"worker-{self._pids}", machine=machine, pid=self._pids)
        self._pids += 1
        machine.worker = worker
        if holder is None:
            self.world.scheduler.start(worker, "boot", partial(self._boot, worker))
        else:
            worker.edge = self._edge(machine.disk, holder, self._quiescence)

    def _boot(self, worker: Worker) -> None:
        self.retry(partial(self._join, worker))
        if worker.machine.disk.files:
            self._watch_disk(worker)

    def _join(self, worker: Worker) -> None:
        with self.edge.write() as session:
            holder = leases.join(session)
        worker.edge = self._edge(worker.machine.disk, holder, self._quiescence)

    def _bury(self, process: Process) -> None:
        restart_ms = self.world.rng.randrange(200, 30_000)
        if not isinstance(process, Worker):
            self.world.scheduler.later(restart_ms, self._start_sweeper)
            return
        if self.world.chance(self.world.weather.wiped):
            process.machine.disk.files.clear()
            self.world.note(f"the disk of {process.machine.name} is gone")
        if not self.world.chance(self.world.weather.unseen):
            report = partial(self.retry, partial(self._report, process))
            self.world.scheduler.start(self.supervisor, "bury", report)
        self.world.scheduler.later(restart_ms, partial(self._staff, process.machine))

    def _report(self, dead: Worker) -> None:
        with self.edge.write() as session:
            leases.bury(session, host=dead.machine.name, pid=dead.pid)

    def _start_sweeper(self) -> None:
        sweeper = Process("sweeper")
        self.world.scheduler.start(sweeper, "sweep", self._sweep)

    def _sweep(self) -> None:
        while True:
            self.world.sleep(self.world.rng.randrange(1_000, SWEEP_MS))
            self.beat()
            now = self.world.clock.database_ms
            if self.database.ask(STANDING, {"now": now, "dead_after": leases.DEAD_AFTER_MS}):
                relay.sweep(self.edge)
