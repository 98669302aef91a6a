"""One process of the stack, as the supervisor needs to know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from workers.stack import probes
from workers.stack.probes import Probe


@dataclass(frozen=True)
class Part:
    """A command and how it is started, found ready and stopped.

    Without a `probe` the command runs once, and is ready when it has ended with 0. `environment` is added to
    that of the supervisor; secrets go there or into files, never into `argv`, which every user can read.
    `starts_after` waits until those parts are ready; `stops_before` keeps those running until this one has
    ended. `grace` is in seconds, from SIGTERM to SIGKILL; `litter` names files that are removed after it has
    ended. `fix` says what to do when it does not start. A part that names what to `preload` (modules, or
    `module:function` to be called) is a Python module, `(python, -m, module, ...)`, and is forked from a process
    that has done so already, where the system allows it; what is preloaded has not seen this `environment`.
    """

    name: str
    argv: tuple[str, ...]
    probe: Probe | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    starts_after: tuple[str, ...] = ()
    stops_before: tuple[str, ...] = ()
    grace: float = 5.0
    litter: tuple[str, ...] = ()
    url: str | None = None
    fix: str = ""
    preload: tuple[str, ...] = ()

    @property
    def runs_once(self) -> bool:
        """Tell a step from a service."""
        return self.probe is None

    def among(self, names: set[str]) -> Self:
        """Return the part without relations to parts that do not run here."""
        return replace(
            self,
            starts_after=tuple(name for name in self.starts_after if name in names),
            stops_before=tuple(name for name in self.stops_before if name in names),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the part as the supervisor reads it."""
        return {**vars(self), "environment": dict(self.environment), "probe": probes.as_json(self.probe)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the part `as_json` wrote."""
        facts: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
        facts["probe"] = probes.from_json(value["probe"])
        return cls(**facts)
