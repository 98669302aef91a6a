"""Starts, stops and looks at the local stack."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings
from workers.stack import processes
from workers.stack.files import FILE_MODE, last_lines
from workers.stack.ground import Ground
from workers.stack.lock import SupervisorLock, sign
from workers.stack.narrator import Narrator, Report
from workers.stack.part import Part
from workers.stack.parts import RECIPES
from workers.stack.parts.recipe import Recipe
from workers.stack.places import Places
from workers.stack.record import PartState, Record, StackState
from workers.stack.supervisor import Supervisor, named_hook

POLL_SECONDS = 0.02
LOG_LINES = 15
STARTS_TRIED = 3
SIGNING_SECONDS = 5.0
STOP_MARGIN_SECONDS = 10.0


def silent(_: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Plan:
    """What a supervisor is to run, and with what environment."""

    parts: tuple[Part, ...]
    environment: dict[str, str]


class Stack:
    """The stack of one home folder.

    `on_death` names a function `module:function` that the supervisor calls with a part's name and pid whenever
    its process ends unasked; it runs in the supervisor, in a thread, with the parts' environment.
    """

    def __init__(self, settings: Settings, *, recipes: Iterable[Recipe] = RECIPES, on_death: str | None = None) -> None:
        self._settings = settings
        self._recipes = tuple(recipes)
        self._on_death = on_death
        self._places = Places(settings.home.absolute())
        self._lock = SupervisorLock(self._places.lock)
        self._record = Record(self._places.record)

    def up(self, *, report: Report = silent, timeout: float = 60.0) -> StackState:
        """Start what does not run yet and return once everything is ready, within `timeout` seconds.

        Raises:
            EnvironmentFault: a part is missing or does not start; what this call has started is ended again.
        """
        self._places.make()
        lock = self._lock_unless_supervised(timeout)
        if lock is None:
            report("the stack runs already")
            return self._wait(Narrator(report), timeout)
        try:
            plan = self._prepare(report)
            self._spawn(plan, lock)
        finally:
            os.close(lock)
        try:
            return self._wait(Narrator(report), timeout)
        except EnvironmentFault:
            self.down(report=report)
            raise

    def run(self, *, report: Report = silent) -> None:
        """Supervise in this process until SIGINT, SIGTERM or SIGHUP.

        Raises:
            EnvironmentFault: a part is missing, or the stack runs already.
        """
        self._places.make()
        lock = self._lock_unless_supervised(SIGNING_SECONDS)
        if lock is None:
            raise EnvironmentFault(
                f"the stack in {self._places.home} runs already", hint="Stop it with `callsheet down`."
            )
        try:
            plan = self._prepare(report)
            sign(lock)
            asyncio.run(self._supervise(plan, Narrator(report)))
        finally:
            os.close(lock)

    def down(self, *, report: Report = silent) -> StackState:
        """End every part in reverse order, then the supervisor; also what a killed supervisor left behind.

        A worker may finish the calls it has under way, each part has its own grace; then it is killed.
        """
        if not self._places.run.exists():
            return self.state()
        lock = self._lock_unless_supervised(SIGNING_SECONDS)
        if lock is None:
            self._end_supervisor(report)
            lock = self._lock_unless_supervised(SIGNING_SECONDS)
        if lock is not None:
            self._end_leftovers(report)
            os.close(lock)
        return self.state()

    def state(self) -> StackState:
        """Return what runs."""
        holder = self._lock.holder()
        if holder is None:
            return StackState(running=False, parts=self._record.left_running())
        return StackState(running=True, pid=holder.pid, parts=self._record.read())

    def _prepare(self, report: Report) -> Plan:
        """Choose the parts and write what they read; this process holds the lock."""
        self._end_leftovers(report)
        self._record.clear()
        self._places.set_large_logs_aside()
        ground = Ground.survey(self._settings)
        recipes = [recipe for recipe in self._recipes if recipe.needed(ground)]
        facts = {name: value for recipe in recipes for name, value in recipe.facts(ground).items()}
        names = {recipe.name for recipe in recipes}
        parts = tuple(recipe.part(ground, facts).among(names) for recipe in recipes)
        ground.keep(facts, {name for recipe in self._recipes for name in recipe.provides})
        return Plan(parts, ground.environment())

    def _spawn(self, plan: Plan, lock: int) -> None:
        command = ("-m", "workers.stack.supervisor", "--home", str(self._places.home), "--lock-fd", str(lock))
        self._places.supervisor_log.touch(mode=FILE_MODE)
        with self._places.supervisor_log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module
                (sys.executable, *command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=plan.environment,
                cwd=self._places.home,
                pass_fds=(lock,),
                start_new_session=True,
                umask=0o077,
            )
        told = {"parts": [part.as_json() for part in plan.parts], "on_death": self._on_death}
        # The process ends as soon as it has read this and gone into the background.
        process.communicate(json.dumps(told).encode())

    async def _supervise(self, plan: Plan, narrator: Narrator) -> None:
        supervisor = Supervisor(
            plan.parts,
            self._places,
            environment=plan.environment,
            on_death=named_hook(self._on_death),
            watch=narrator.tell,
        )
        await supervisor.run()

    def _wait(self, narrator: Narrator, timeout: float) -> StackState:
        deadline = time.monotonic() + timeout
        while True:
            state = self.state()
            if state.running:
                narrator.tell(state.parts)
            if state.ready:
                return state
            for part in state.parts:
                if part.failures >= (1 if part.runs_once else STARTS_TRIED):
                    self._refuse(part, f"ended with {part.last_exit} before it was ready")
            if time.monotonic() > deadline:
                self._refuse_late(state, timeout)
            if not state.running:
                self._check_supervised()
            time.sleep(POLL_SECONDS)

    def _check_supervised(self) -> None:
        """Tell a supervisor that is about to sign the lock from one that has died."""
        lock = self._lock.take()
        if lock is None:
            return
        os.close(lock)
        raise EnvironmentFault(
            "the stack's supervisor has ended\n" + self._end_of_log("supervisor"),
            hint=f"Read {self._places.supervisor_log}, then start again.",
        )

    def _refuse_late(self, state: StackState, timeout: float) -> NoReturn:
        late = next((part for part in state.parts if not part.ready and part.pid), None)
        if late is None:
            raise EnvironmentFault(
                f"the stack was not ready within {timeout:.0f} s: waiting for {', '.join(state.waiting)}",
                hint=f"Read {self._places.supervisor_log}.",
            )
        self._refuse(late, f"was not ready within {timeout:.0f} s")

    def _refuse(self, part: PartState, what: str) -> NoReturn:
        raise EnvironmentFault(
            f"{part.name} {what}\n{self._end_of_log(part.name)}",
            hint=f"{part.fix} Its log: {self._places.log(part.name)}",
            part=part.name,
            log=str(self._places.log(part.name)),
        )

    def _end_of_log(self, part: str) -> str:
        return "\n".join(f"  {line}" for line in last_lines(self._places.log(part), LOG_LINES))

    def _lock_unless_supervised(self, patience: float) -> int | None:
        """Return the lock, or none once a living supervisor is known to hold it.

        Between the two the lock is held by a start that is under way, or by a killed process of which the
        kernel has not closed all files yet.
        """
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            lock = self._lock.take()
            if lock is not None or self._lock.holder():
                return lock
            time.sleep(POLL_SECONDS)
        raise EnvironmentFault(
            f"the stack in {self._places.home} is being started by another process",
            hint="Wait until it has ended, then try again.",
        )

    def _end_supervisor(self, report: Report) -> None:
        supervisor, state = self._lock.holder(), self.state()
        if supervisor:
            report(f"stopping {', '.join(part.name for part in state.parts if part.pid)}")
            patience = sum(part.grace for part in state.parts) + STOP_MARGIN_SECONDS
            processes.end([supervisor], patience)

    def _end_leftovers(self, report: Report) -> None:
        """End what a supervisor that was killed has left running: in reverse order, as it would have done."""
        left = self._record.left_running()
        if left:
            report(f"ending what a killed supervisor left running: {', '.join(part.name for part in left)}")
        for part in reversed(left):
            if part.identity:
                processes.end([part.identity], part.grace)
        self._record.clear()
