"""Keeps one part running: starts it, waits until it is ready, starts it again when it dies, ends it."""

import asyncio
import contextlib
import logging
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil

from workers.stack.forks import Forked, Forks, NoForks
from workers.stack.forkserver import Program
from workers.stack.part import Part
from workers.stack.places import Places
from workers.stack.processes import Identity
from workers.stack.record import PartState

PROBE_SECONDS = 0.025
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
HEALTHY_SECONDS = 30.0
CANNOT_START = 127

log = logging.getLogger(__name__)


class Backoff:
    """How long to wait before the next start: not at all at first, then longer and longer."""

    def __init__(self) -> None:
        self._deaths = 0

    def after(self, healthy_seconds: float) -> float:
        """Return the pause in seconds after a life that was ready for so long."""
        self._deaths = 1 if healthy_seconds >= HEALTHY_SECONDS else self._deaths + 1
        if self._deaths == 1:
            return 0.0
        # The exponent is capped because a part may die for days.
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._deaths - 2, 10))


class Keeper:
    """One part and the process that is it at present.

    Children are not tied to the supervisor's life by PR_SET_PDEATHSIG: Linux alone has it, it needs code
    between fork and exec, and it would end calls that are paid for because of an accident to the process that
    takes no part in them. They go on serving, and the next start finds them in the record and ends them.
    """

    def __init__(
        self,
        part: Part,
        *,
        places: Places,
        environment: Mapping[str, str],
        forks: Forks,
        changed: Callable[[PartState], None],
        on_death: Callable[[str, int], None],
    ) -> None:
        self.part = part
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._home = places.home
        self._log = places.log(part.name)
        self._environment = environment
        self._forks = forks
        self._changed = changed
        self._on_death = on_death
        self._state = PartState(part.name, url=part.url, grace=part.grace, runs_once=part.runs_once, fix=part.fix)
        self._process: Process | Forked | None = None
        self._ready_at: float | None = None
        self._stopping = False

    async def keep(self, gates: Iterable[asyncio.Event]) -> None:
        """Run the part until it is stopped, or has done its one job; `gates` open when it may start."""
        self._note()
        for gate in gates:
            await gate.wait()
        backoff = Backoff()
        while not self._stopping:
            code = await self._live()
            if self._stopping or (self.part.runs_once and code == 0):
                return
            await asyncio.sleep(backoff.after(self._healthy_seconds()))
            self._note(restarts=self._state.restarts + 1)

    async def stop(self, keeping: asyncio.Task[None]) -> None:
        """End the part by its main process alone: a Celery worker's children are its own to end."""
        self._stopping = True
        process = self._process
        if process is None:
            keeping.cancel()
        else:
            _send(process.terminate)
            _, unfinished = await asyncio.wait({keeping}, timeout=self.part.grace)
            if unfinished:
                log.warning("%s did not end within %.0f s and is killed", self.part.name, self.part.grace)
                _send(process.kill)
        await asyncio.wait({keeping})
        for name in self.part.litter:
            Path(name).unlink(missing_ok=True)  # noqa: ASYNC240 - a few local files
        self.ended.set()

    async def _live(self) -> int:
        self._ready_at = None
        if self.part.probe:
            self.part.probe.arm()
        try:
            process = self._process = await self._spawn()
        except OSError as error:
            with self._log.open("a") as output:
                output.write(f"{self.part.argv[0]} cannot be started: {error}\n")
            return self._died(None, CANNOT_START)
        self._note(**_birth(process.pid))
        proving = asyncio.create_task(self._prove_ready(time.monotonic()))
        try:
            code = await process.wait()
        finally:
            proving.cancel()
        return self._died(process.pid, code)

    async def _spawn(self) -> Process | Forked:
        if self.part.preload:
            program = Program(self.part.name, self.part.argv[2:], dict(self.part.environment), str(self._log))
            try:
                return await self._forks.start(program)
            except NoForks as error:
                log.info("%s is started by itself: %s", self.part.name, error)
        with self._log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.part.argv,
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                env={**self._environment, **self.part.environment},
                # Neither pins the folder the stack was started from nor imports what happens to lie there.
                cwd=self._home,
                # A terminal's Ctrl-C must reach the supervisor only, which knows the order to end things in.
                start_new_session=True,
                umask=0o077,
            )

    async def _prove_ready(self, started: float) -> None:
        if self.part.probe is None:
            return
        while not await self.part.probe.passed():  # noqa: ASYNC110 - another process, which sets no event here
            await asyncio.sleep(PROBE_SECONDS)
        self._now_ready(time.monotonic() - started)

    def _now_ready(self, took: float) -> None:
        self._ready_at = time.monotonic()
        self.ready.set()
        log.info("%s is ready after %.2f s", self.part.name, took)
        self._note(ready=True, ready_seconds=round(took, 3), failures=0)

    def _died(self, pid: int | None, code: int) -> int:
        self._process = None
        if self.part.runs_once and code == 0:
            self._now_ready(time.time() - (self._state.since or time.time()))
            self._note(pid=None, created=None, last_exit=code)
            return code
        failures = self._state.failures + (0 if self._state.ready else 1)
        self._note(pid=None, created=None, ready=False, last_exit=code, failures=failures)
        if not self._stopping:
            log.warning("%s (pid %s) ended with %s", self.part.name, pid, code)
            if pid is not None:
                self._on_death(self.part.name, pid)
        return code

    def _healthy_seconds(self) -> float:
        return 0.0 if self._ready_at is None else time.monotonic() - self._ready_at

    def _note(self, **facts: object) -> None:
        self._state = replace(self._state, **facts)  # type: ignore[arg-type]  # checked by the dataclass
        self._changed(self._state)


def _birth(pid: int) -> dict[str, object]:
    facts: dict[str, object] = {"pid": pid, "since": time.time(), "ready": False, "ready_seconds": None}
    with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already, and its end is noted next
        facts["created"] = Identity.of(pid).created
    return facts


def _send(signal: Callable[[], None]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in this moment
        signal()
