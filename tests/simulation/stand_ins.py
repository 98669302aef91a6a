"""What takes the place of time, chance, processes and crash points while histories are played."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from pipeline import crash, edge, gate
from pipeline.db import ids, leases, limits
from pipeline.edge import Edge
from pipeline.provider.errors import ProviderFailed
from pipeline.voices import service as voices
from pipeline.voices.service import sending
from tests.simulation.clock import START_MS
from tests.simulation.database import DatabaseAway
from tests.simulation.plant import Worker
from tests.simulation.world import World
from workers import relay
from workers.app import Station

TOLERABLE = {DatabaseAway.__name__, ProviderFailed.__name__}
"""What a sweep may end in."""


@dataclass(frozen=True)
class VirtualTime:
    """Stands in for the module `time`."""

    world: Callable[[], World]

    def monotonic(self) -> float:
        return self.world().clock.now / 1000

    def time(self) -> float:
        return START_MS / 1000 + self.monotonic()

    def time_ns(self) -> int:
        return (START_MS + self.world().clock.now) * 1_000_000

    def sleep(self, seconds: float) -> None:
        self.world().sleep(int(seconds * 1000))


def stand_ins(world: Callable[[], World]) -> Iterator[tuple[object, str, object]]:
    """Yield where in the product something is replaced, and by what; `world` returns that of the history."""

    def come_to(point: str) -> None:
        world().step(point)

    def draw_bits(bits: int) -> int:
        return world().rng.getrandbits(bits)

    def take_numbers(count: int) -> list[int]:
        return world().numbers.take(count)

    def judge_warning(event: str, **told: object) -> None:
        # The sweeper goes on whatever it stumbles over, and only says so.
        world().note(f"{event} {told}")
        if event == "sweep_failed" and told["error"] not in TOLERABLE:
            world().violate(f"the sweeper stumbles: {told}")

    for module in (sending, edge, gate, relay, ids):
        if getattr(module, "time", None) is not time:
            raise LookupError(f"{module.__name__} tells the time in another way: it has to be simulated as well")
        yield module, "time", VirtualTime(world)
    yield ids, "secrets", SimpleNamespace(randbits=draw_bits)
    # What one history has made must not decide how the next one goes.
    yield ids, "NUMBERS", SimpleNamespace(take=take_numbers)
    yield leases, "os", SimpleNamespace(getpid=lambda: _worker(world()).pid)
    yield leases, "socket", SimpleNamespace(gethostname=lambda: _worker(world()).machine.name)
    # The stages that have no rows in a simulated history are left out.
    yield relay, "STAGES", (limits.sweep, voices.sweep)
    yield relay, "log", SimpleNamespace(warning=judge_warning)
    yield crash, "here", come_to
    yield Station, "current", lambda: _edge(world())


def _worker(world: World) -> Worker:
    if not isinstance(world.process, Worker):
        raise TypeError(f"{world.process.name} is no worker")
    return world.process


def _edge(world: World) -> Edge:
    found = _worker(world).edge
    if found is None:
        raise TypeError(f"{world.process.name} has not registered")
    return found
