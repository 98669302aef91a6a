"""What runs, as the supervisor writes it down at each change and everybody else reads it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workers.stack.files import read_json, write_private_json
from workers.stack.processes import Identity


@dataclass(frozen=True)
class PartState:
    """How one part is.

    `since` is when its present process was started, in seconds since 1970; `ready_seconds` what that one took
    to be ready; `failures` how often in a row it has ended without having been ready.
    """

    name: str
    pid: int | None = None
    created: float | None = None
    ready: bool = False
    restarts: int = 0
    failures: int = 0
    last_exit: int | None = None
    url: str | None = None
    since: float | None = None
    ready_seconds: float | None = None
    grace: float = field(default=5.0, repr=False)
    runs_once: bool = False
    fix: str = field(default="", repr=False)

    @property
    def identity(self) -> Identity | None:
        """Name its process; none while it has none."""
        return None if self.pid is None or self.created is None else Identity(self.pid, self.created)


@dataclass(frozen=True)
class StackState:
    """How the stack is. Without a supervisor, `parts` lists what a killed one has left running."""

    running: bool
    pid: int | None = None
    parts: tuple[PartState, ...] = ()

    @property
    def waiting(self) -> tuple[str, ...]:
        """Name the parts that are not ready."""
        return tuple(part.name for part in self.parts if not part.ready)

    @property
    def ready(self) -> bool:
        """Tell whether everything is up."""
        return self.running and bool(self.parts) and not self.waiting

    def part(self, name: str) -> PartState:
        """Return one part; `KeyError` where the stack has none of that name."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Return the state as `--json` shows it."""
        return {**asdict(self), "ready": self.ready}


class Record:
    """The file that holds the parts' states."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, parts: Mapping[str, PartState]) -> None:
        """Replace what is written."""
        write_private_json(self._path, {name: asdict(part) for name, part in parts.items()})

    def read(self) -> tuple[PartState, ...]:
        """Return the parts in the order they are listed; none where nothing is written."""
        return tuple(PartState(**facts) for facts in read_json(self._path).values())

    def left_running(self) -> tuple[PartState, ...]:
        """Return the parts whose process still runs."""
        return tuple(part for part in self.read() if part.identity and part.identity.alive())

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
