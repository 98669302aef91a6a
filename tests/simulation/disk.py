"""The disks: the spool of a machine, which may be full or go with the machine, and the bucket."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import EnvironmentFault
from pipeline.storage.local import LocalStore
from pipeline.storage.port import StoreUnavailable
from pipeline.storage.spool import Entry, Spool
from tests.simulation.world import World


@dataclass
class Disk:
    """What a machine keeps through the deaths of its processes."""

    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)


class SimulatedSpool(Spool):
    """A spool in memory: a file is there whole or not at all."""

    def __init__(self, world: World, disk: Disk) -> None:
        super().__init__(Path("/nowhere"))
        self._world = world
        self._disk = disk

    def write(self, name: str, content: bytes) -> None:
        self._world.step("spool")
        if self._world.chance(self._world.weather.disk):
            raise EnvironmentFault("The disk is full.")
        self._disk.files[name] = (content, self._world.clock.now)
        self._world.step("spooled")

    def entries(self, prefix: str = "", *, older_than: float = 0.0) -> Iterator[Entry]:
        for name, (content, written_at) in sorted(self._disk.files.items()):
            age = (self._world.clock.now - written_at) / 1000
            if name.startswith(prefix) and age >= older_than:
                yield Entry(name, content, age)

    def read(self, name: str) -> bytes | None:
        kept = self._disk.files.get(name)
        return kept[0] if kept else None

    def remove(self, name: str) -> None:
        self._world.step("unspool")
        self._disk.files.pop(name, None)


class SimulatedStore(LocalStore):
    """A bucket with the recordings, which is sometimes away."""

    def __init__(self, world: World) -> None:
        super().__init__(Path("/nowhere"))
        self._world = world

    def get(self, key: str) -> bytes:
        self._world.step("recording")
        if self._world.chance(self._world.weather.mute):
            raise StoreUnavailable("The bucket is away.")
        return key.encode()
