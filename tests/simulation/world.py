"""One history: its clock, its dice, who acts in it, and a trace by which two runs of it are compared."""

import hashlib
import traceback
from collections.abc import Callable
from functools import partial
from random import Random

from pipeline.db.ids import Numbers
from tests.simulation.clock import Clock
from tests.simulation.scheduler import Actor, Killed, Process, Scheduler
from tests.simulation.weather import CALM, LARGEST_JUMP_MS, LONGEST_PAUSE_MS, Weather

STEP_MS = 20
"""Between two steps of an actor others may take theirs."""

AWAKE_MS = 10_000
"""A process that wakes up stays awake for so long: two sleeps in a row would be one that is longer than the longest."""
STICKY = ("zombie", "in_reconcile")
"""Where a process that sleeps wakes up in another world than the one it has checked."""


class World:
    """What every part of a simulation shares. Only one exists at a time in a process."""

    def __init__(self, seed: str, weather: Callable[[Random], Weather]) -> None:
        self.rng = Random(seed)
        self.numbers = Numbers()
        self.weather = weather(self.rng)
        self.clock = Clock()
        self.scheduler = Scheduler(self.clock, self._note_error)
        self.violations: list[str] = []
        self.on_death: Callable[[Process], None] = lambda _: None
        self.trace: list[str] | None = None
        self.jumped_at = -1
        self._digest = hashlib.blake2b(digest_size=8)

    @property
    def process(self) -> Process:
        """The process that is running."""
        return self.scheduler.current.process

    @property
    def digest(self) -> str:
        """A hash of all that has happened so far."""
        return self._digest.hexdigest()

    def chance(self, probability: float) -> bool:
        """Throw the dice; nothing is thrown for what cannot happen."""
        return probability > 0 and self.rng.random() < probability

    def note(self, what: str) -> None:
        """Note that something has happened."""
        line = f"{self.clock.now} {what}"
        self._digest.update(line.encode())
        if self.trace is not None:
            self.trace.append(line)

    def violate(self, promise: str) -> None:
        """Note that a promise was broken."""
        self.note(f"BROKEN {promise}")
        self.violations.append(promise)

    def step(self, label: str, *, wait_ms: int = 0) -> None:
        """Let an actor come to where something may happen in between: others run, or its process sleeps or dies."""
        actor = self.scheduler.current
        self.note(f"{actor.process.name} {actor.name} {label}")
        if actor.process.mortal:
            self._strike(actor, label)
        if actor.depth:
            return  # nobody else comes between: the database gives one writer its turn at a time
        self.scheduler.sleep(wait_ms + self.rng.randrange(STEP_MS))

    def sleep(self, milliseconds: int) -> None:
        """Let an actor wait; nothing happens to it but what happens to its process."""
        if self.scheduler.current.depth:
            self.violate("somebody waits inside a transaction")
        self.scheduler.sleep(milliseconds)

    def calm_down(self) -> None:
        """Let nothing go wrong any more."""
        self.note("calm")
        self.weather = CALM

    def kill(self, process: Process) -> None:
        """End a process as SIGKILL does."""
        if process.alive:
            self.note(f"{process.name} dies")
            self.scheduler.kill(process)
            self.scheduler.later(0, partial(self.on_death, process))

    def _strike(self, actor: Actor, label: str) -> None:
        if self.chance(self.weather.kill):
            self.kill(actor.process)
            raise Killed
        if self.chance(self.weather.jump):
            self.clock.offset = self.rng.randint(-LARGEST_JUMP_MS // 2, LARGEST_JUMP_MS // 2)
            self.jumped_at = self.clock.now
            self.note(f"the database's clock is set off by {self.clock.offset}")
        pause = max(self.weather.pause, self.weather.stuck if label in STICKY else 0.0)
        rested = self.clock.now - actor.process.paused_until >= AWAKE_MS
        if not actor.depth and rested and self.chance(pause):
            actor.process.paused_until = self.clock.now + self.rng.randrange(1_000, LONGEST_PAUSE_MS)
            self.note(f"{actor.process.name} sleeps until {actor.process.paused_until}")

    def _note_error(self, actor: Actor, error: Exception) -> None:
        self.violate(f"{actor.name} ended in {type(error).__name__}: {error}")
        if self.trace is not None:
            self.trace.extend(traceback.format_exception(error))
