"""What every process starts from: an edge whose events become messages, and a way to say that it is ready."""

import os
from pathlib import Path

from pipeline import wiring
from pipeline.edge import Edge
from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings
from workers.app import app
from workers.relay import CeleryPublisher

READY_FILE = "CALLSHEET_READY_FILE"


def open_edge(settings: Settings) -> Edge:
    """Return the edge of this process; raises `EnvironmentFault` where a part is not set."""
    if settings.broker_url is None:
        raise EnvironmentFault("CALLSHEET_BROKER_URL is not set and no stack is running here.", hint=wiring.UP)
    return wiring.edge(settings, CeleryPublisher(app))


def ready_file() -> Path | None:
    """Return the file to be written once this process takes work, where somebody waits for it."""
    named = os.environ.get(READY_FILE)
    return Path(named) if named else None
