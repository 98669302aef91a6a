"""Where the tasks of a worker wait for a permit, in virtual time."""

from pipeline.gate import Gate, Held
from tests.simulation.world import World

LOOK_MS = 20
"""How soon somebody who waits to be the one that asks looks again."""


class SimulatedGate(Gate):
    """The product's own gate; only the waiting itself is done by the world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def enter(self, seconds: float) -> bool:
        self._waiting += 1
        deadline = self._world.clock.now + int(seconds * 1000)
        while not self._turn.acquire(blocking=False):
            if self._world.clock.now >= deadline:
                return False
            self._world.sleep(LOOK_MS)
        return True

    def take(self, seconds: float, *, wants_slot: bool) -> Held | None:
        self._wants_slot = wants_slot
        if not self._handed and seconds > 0:
            self._world.sleep(max(int(seconds * 1000), 1))
        return self._handed.popleft() if self._handed else None
