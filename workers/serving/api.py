"""`python -m workers.serving.api PORT`: serves the HTTP API, on loopback unless the settings say otherwise."""

import sys

import uvicorn

from pipeline.api.app import create_app
from pipeline.settings import Settings, load_settings
from workers.serving import logs
from workers.serving.ground import open_edge, told

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections: after 5 s, the default, a request may meet a socket being closed."""

LAST_WORDS_SECONDS = 5
"""How long a stop waits for answers that are under way: whoever watches a run would hold it up until the run ends."""


def run(settings: Settings, port: int) -> None:
    """Serve until told to stop."""
    logs.set_up(settings, "api")
    token = settings.metrics_token
    uvicorn.run(
        create_app(open_edge(settings), metrics_token=token.get_secret_value() if token else None),
        host=settings.listen_address,
        port=port,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_WORDS_SECONDS,
        log_config=None,  # ours
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    with told():
        run(load_settings(), int(sys.argv[1]))
