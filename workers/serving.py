"""Long-running processes: the worker, the sweeper and the API, each over an edge of its own."""

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import uvicorn
from celery.signals import worker_ready, worker_shutdown

from pipeline import wiring
from pipeline.api.app import create_app
from pipeline.edge import Edge
from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings
from workers.app import QUEUES, Station, app, refuse_unsafe
from workers.relay import CeleryPublisher, Heartbeat, run_sweeper

LOOPBACK = "127.0.0.1"
READY_FILE = "CALLSHEET_READY_FILE"


def run_worker(settings: Settings, queues: tuple[str, ...] = QUEUES) -> None:
    """Take up tasks until told to stop."""
    refuse_unsafe(app)
    edge = _edge(settings)
    edge.store.ensure_bucket()
    heartbeat = Heartbeat(edge)
    Station.edge = replace(edge, holder=heartbeat.holder)
    worker_ready.connect(lambda **_: _ready(heartbeat), weak=False)
    worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
    app.Worker(
        pool="threads",
        concurrency=settings.worker_threads,
        queues=list(queues),
        without_gossip=True,  # neighbours are known by their rows
        without_mingle=True,
        loglevel="INFO",
        hostname=f"callsheet@{socket.gethostname()}",
    ).start()


def run_sweeper_until_told(settings: Settings) -> None:
    """Sweep until told to stop."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    run_sweeper(_edge(settings), stopped, _ready_file())


def run_api(settings: Settings, port: int) -> None:
    """Serve the API on loopback."""
    edge = _edge(settings)
    uvicorn.run(create_app(edge), host=LOOPBACK, port=port, log_level="warning", access_log=False)


def _edge(settings: Settings) -> Edge:
    if settings.broker_url is None:
        raise EnvironmentFault("CALLSHEET_BROKER_URL is not set and no stack is running here.", hint=wiring.UP)
    return wiring.edge(settings, CeleryPublisher(app))


def _ready(heartbeat: Heartbeat) -> None:
    heartbeat.start()
    path = _ready_file()
    if path is not None:
        path.touch()


def _ready_file() -> Path | None:
    named: Any = os.environ.get(READY_FILE)
    return Path(named) if named else None
