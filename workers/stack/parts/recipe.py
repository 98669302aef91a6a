"""What each kind of part has to say of itself."""

from typing import Protocol

from workers.stack.ground import Ground
from workers.stack.part import Part


class Recipe(Protocol):
    """How one part is made. `stack.json` carries the settings it provides."""

    @property
    def name(self) -> str:
        """Return the part's name."""

    @property
    def provides(self) -> frozenset[str]:
        """Return the settings it stands for."""

    def needed(self, ground: Ground, /) -> bool:
        """Tell whether the stack has to run it: not where the user has named another."""

    def facts(self, ground: Ground, /) -> dict[str, str]:
        """Return what `stack.json` says of it: URLs, and secrets made at the first start."""

    def part(self, ground: Ground, facts: dict[str, str], /) -> Part:
        """Write what it reads at its start, and return its command; `facts` are those of all parts.

        Raises:
            EnvironmentFault: its program is missing.
        """
