"""Actors that take turns: one runs at a time, until it says that something may happen in between.

An actor is a greenlet, so that what runs in it is the product's own code, unchanged.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from greenlet import getcurrent, greenlet

from tests.simulation.clock import Clock

Action = Callable[[], None]


class Killed(BaseException):
    """The process was ended with SIGKILL."""


@dataclass(eq=False)
class Process:
    """A program that runs somewhere: it may be paused or killed, and its actors with it."""

    name: str
    mortal: bool = True
    """False for those whose end the protocol is not about: people, and the supervisor."""
    alive: bool = True
    paused_until: int = -(10**9)
    """When it wakes up, or last woke up."""
    actors: list["Actor"] = field(default_factory=list)


@dataclass(eq=False)
class Actor:
    """One thread of a process."""

    name: str
    process: Process
    run: greenlet
    started_at: int
    depth: int = 0
    """How many transactions it has open."""
    slept: bool = False
    """Whether its process was paused since it began: what it has checked may be so no more."""


class Scheduler:
    """Lets actors run one after the other, in the order of the times they wait for."""

    def __init__(self, clock: Clock, on_error: Callable[[Actor, Exception], None]) -> None:
        self.clock = clock
        self.actors: list[Actor] = []
        self._on_error = on_error
        self._hub = getcurrent()
        self._due: list[tuple[int, int, Action]] = []
        self._number = count()
        self._current: Actor | None = None

    @property
    def current(self) -> Actor:
        """Return the actor that is running."""
        if self._current is None:
            raise RuntimeError("nobody is running")
        return self._current

    def later(self, delay_ms: int, action: Action) -> None:
        """Do something after a while, outside of all actors."""
        heapq.heappush(self._due, (self.clock.now + delay_ms, next(self._number), action))

    def start(self, process: Process, name: str, body: Action, *, delay_ms: int = 0) -> None:
        """Let a process begin something."""
        actor = Actor(name, process, greenlet(lambda: None), self.clock.now)
        actor.run = greenlet(partial(self._live, actor, body), parent=self._hub)
        self.actors.append(actor)
        process.actors.append(actor)
        self.later(delay_ms, partial(self._resume, actor))

    def sleep(self, delay_ms: int) -> None:
        """Let others run until the time has come."""
        actor = self.current
        if actor.process.alive:
            self.later(delay_ms, partial(self._resume, actor))
            self._hub.switch()
        if not actor.process.alive:
            raise Killed

    def kill(self, process: Process) -> None:
        """End a process at once, wherever its actors are; the one that is running ends when it next waits."""
        process.alive = False
        for actor in list(process.actors):
            if actor is not self._current:
                self.later(0, partial(self._resume, actor))

    def run(self, is_over: Callable[[], bool], *, look_every_ms: int, until_ms: int) -> bool:
        """Let everybody live until all is over, which is looked at now and then; False where it is not in time."""
        look_at = look_every_ms
        while self._due:
            at, _, action = heapq.heappop(self._due)
            while look_at < at:
                if is_over():
                    return True
                look_at += look_every_ms
            if at > until_ms:
                return False
            self.clock.now = max(self.clock.now, at)
            action()
        return is_over()

    def end(self) -> None:
        """End everybody."""
        for actor in list(self.actors):
            actor.process.alive = False
            self._resume(actor)

    def _resume(self, actor: Actor) -> None:
        if actor.run.dead:
            return
        if not actor.process.alive and not actor.run:
            self._forget(actor)  # it had not even begun
            return
        wait = actor.process.paused_until - self.clock.now
        if wait > 0 and actor.process.alive:
            actor.slept = True
            self.later(wait, partial(self._resume, actor))
            return
        self._current = actor
        try:
            actor.run.switch()
        finally:
            self._current = None

    def _live(self, actor: Actor, body: Action) -> None:
        try:
            body()
        except Killed:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the history has to tell of it
            self._on_error(actor, error)
        finally:
            self._forget(actor)

    def _forget(self, actor: Actor) -> None:
        if actor in self.actors:
            self.actors.remove(actor)
            actor.process.actors.remove(actor)
