"""What every command shares: the settings, a client, and a stack that is started when there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.cli.client import Client
from pipeline.errors import UsageError
from pipeline.settings import Settings, load_settings


class Operator(Protocol):
    """What only those may do who have the settings of the stack: it concerns all accounts together."""

    def accounts(self) -> list[dict[str, Any]]:
        """Return every account: its share of a provider, its keys without their secrets, and its money."""

    def share(self, name: str, changes: Mapping[str, int | None], *, by: str, reason: str) -> dict[str, Any]:
        """Change `weight` or `in_flight_cap` of an account; raises `NotFound`."""

    def issue_key(self, account: str) -> str:
        """Return a new API key for an account, which is opened where there is none of that name; `UsageError`."""

    def revoke_key(self, account: str, key: str, *, by: str, reason: str) -> dict[str, Any]:
        """Let an API key of an account, named by itself or by its first two parts, speak for nobody; `NotFound`."""

    def audit(self) -> dict[str, Any]:
        """Audit the whole database, against the provider's balance as it is now."""

    def cap_provider(self, provider: str, cap: int | None, *, by: str, reason: str) -> dict[str, Any]:
        """Set the cap in micro-dollars of all accounts together at a provider; None for none."""

    def top_up(self, provider: str, amount: int, *, by: str, reason: str) -> dict[str, Any]:
        """Record that micro-dollars were paid in at a provider."""


@dataclass
class Context:
    """Handed to the commands by whoever composes the command line."""

    ensure_stack: Callable[[], None] | None = None
    """Starts the local stack where none runs; None where the API is elsewhere."""
    operator: Callable[[], Operator] | None = None
    """Works on the stack's own database; None where only the API is within reach."""

    def client(self) -> Client:
        """Return a client of the API, of a stack that is started first where there is none."""
        if self.ensure_stack is not None:
            self.ensure_stack()
        return Client(self.settings())

    def as_operator(self) -> Operator:
        """Return what works on the stack's own database; raises `UsageError` where only the API is within reach."""
        if self.operator is None:
            raise UsageError("This is for whoever runs the stack.", hint="Run it where the stack's settings are.")
        return self.operator()

    def settings(self) -> Settings:
        """Read the settings anew: a stack that was just started has written its own."""
        return load_settings()


context = Context()
