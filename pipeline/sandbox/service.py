"""Running the sandbox as a program."""

import asyncio
import importlib
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from pipeline.sandbox.config import SandboxConfig

# One thread for each call's arithmetic: two clones at once would otherwise fight for the cores.
PROCESS_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
SHUTDOWN_S = 3
# uvicorn's own 5 s end an idle connection just as a busy client takes it up again: a reset that nobody asked for.
KEEP_ALIVE_S = 75
BACKLOG = 1024


class _Announcing(uvicorn.Server):
    """Says where it listens once it answers."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def serve(config: SandboxConfig) -> None:
    """Serve until SIGTERM or SIGINT. OSError when the address is taken."""
    for name, value in PROCESS_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # numpy reads the environment when it is imported, which the application does.
    app = importlib.import_module("pipeline.sandbox.app").create_app(config)
    protocol = importlib.import_module("pipeline.sandbox.transport").CuttableProtocol
    with socket.create_server((config.host, config.port), backlog=BACKLOG) as listener:
        port = listener.getsockname()[1]
        settings = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_S,
            # The application tells the time of its own clock.
            date_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        server = _Announcing(settings, lambda: _say(config.host, port))
        asyncio.run(server.serve(sockets=[listener]))


def _say(host: str, port: int) -> None:
    print(f"sandbox listening on http://{host}:{port}", file=sys.stderr, flush=True)  # noqa: T201 - the ready line
