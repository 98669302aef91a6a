"""`python -m workers.serving.worker`: takes up tasks until told to stop."""

import socket
from dataclasses import replace

from celery.signals import worker_ready, worker_shutdown

from pipeline.settings import Settings, load_settings
from workers.app import QUEUES, Station, app
from workers.binding import refuse_unsafe
from workers.relay import Heartbeat
from workers.serving.ground import has_bucket, open_edge, ready_file, told, wait_until
from workers.serving.threads import WakingThreads
from workers.serving.watch import start_watch


def run(settings: Settings, queues: tuple[str, ...] = QUEUES) -> None:
    """Serve these queues with one thread a provider call."""
    refuse_unsafe(app, settings)
    edge = open_edge(settings)
    wait_until("the bucket is there", lambda: has_bucket(edge.store))
    heartbeat = Heartbeat(edge)
    Station.edge = replace(edge, holder=heartbeat.holder)
    worker_ready.connect(lambda **_: _ready(heartbeat), weak=False)
    worker_ready.connect(lambda **_: start_watch(app, queues, settings.worker_threads), weak=False)
    worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
    app.Worker(
        pool=WakingThreads,
        concurrency=settings.worker_threads,
        queues=list(queues),
        without_gossip=True,  # neighbours are known by their rows
        without_mingle=True,
        loglevel="INFO",
        hostname=f"callsheet@{socket.gethostname()}",
    ).start()


def _ready(heartbeat: Heartbeat) -> None:
    heartbeat.start()
    path = ready_file()
    if path is not None:
        path.touch()


if __name__ == "__main__":
    with told():
        run(load_settings())
