"""`python -m workers.serving.api PORT`: serves the HTTP API on loopback."""

import sys

import uvicorn

from pipeline.api.app import create_app
from pipeline.settings import Settings, load_settings
from workers.serving.ground import open_edge, told

LOOPBACK = "127.0.0.1"
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections: after 5 s, the default, a request may meet a socket being closed."""


def run(settings: Settings, port: int) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        create_app(open_edge(settings)),
        host=LOOPBACK,
        port=port,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    with told():
        run(load_settings(), int(sys.argv[1]))
