"""Who watches the calls to a provider."""

from typing import Protocol


class Meter(Protocol):
    """What is told of each call."""

    def begins(self, call: str) -> None:
        """Note that a call is under way."""

    def ends(self, call: str, outcome: str, seconds: float) -> None:
        """Note how it ended: `answered`, the kind of the port's error, or `broken`."""
