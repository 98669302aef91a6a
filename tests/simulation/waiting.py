"""Where the tasks of a worker wait for a permit, in virtual time."""

from typing import Any

from pipeline.gate import Gate, Ticket
from tests.simulation.world import World

LOOK_SECONDS = 0.02
"""How soon somebody who waits looks again: nobody is woken."""


class SimulatedGate(Gate):
    """The product's own gate; only the waiting itself is done by the world."""

    def __init__(self, world: World) -> None:
        super().__init__(clock=lambda: world.clock.now / 1000)
        self._world = world

    def sleep_until(self, moment: float) -> None:
        wait_ms = round((moment - self.now()) * 1000)
        if wait_ms > 0:
            self._world.sleep(wait_ms)

    def _pause(self, _ticket: Ticket[Any, Any], seconds: float) -> None:
        self._lock.release()
        try:
            self._world.sleep(max(round(min(seconds, LOOK_SECONDS) * 1000), 1))
        finally:
            self._lock.acquire()
