"""What every command shares: the settings, a client, and a stack that is started when there is none."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.cli.client import Client
from pipeline.settings import Settings, load_settings


@dataclass
class Context:
    """Handed to the commands by whoever composes the command line."""

    ensure_stack: Callable[[], None] | None = None
    """Starts the local stack where none runs; None where the API is elsewhere."""

    def client(self) -> Client:
        """Return a client of the API, of a stack that is started first where there is none."""
        if self.ensure_stack is not None:
            self.ensure_stack()
        return Client(self.settings())

    def settings(self) -> Settings:
        """Read the settings anew: a stack that was just started has written its own."""
        return load_settings()


context = Context()
