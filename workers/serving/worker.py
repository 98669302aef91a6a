"""`python -m workers.serving.worker`: takes up tasks until told to stop."""

import socket
import sys
from collections.abc import Collection

from celery.signals import worker_ready, worker_shutdown

from pipeline.errors import UsageError
from pipeline.settings import Settings, load_settings
from workers.app import DECODING, QUEUES, Room, Station, app
from workers.binding import refuse_unsafe
from workers.relay import Heartbeat
from workers.serving import logs
from workers.serving.cores import Cores, rank_of
from workers.serving.endpoint import serve_metrics
from workers.serving.following import MeasuredEdge, follow_tasks
from workers.serving.ground import has_bucket, open_edge, ready_file, told, wait_until
from workers.serving.metrics import WorkerMetrics
from workers.serving.posting import EventPost
from workers.serving.threads import WakingThreads
from workers.serving.watch import start_watch

SWITCH_SECONDS = 0.001
"""How long a thread that computes keeps those waiting that have a call to make."""


def run(settings: Settings, queues: tuple[str, ...] = QUEUES) -> None:
    """Serve these queues: one thread a provider call, or one a recording that is decoded; raises `UsageError`."""
    refuse_unknown(queues)
    refuse_unsafe(app, settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    cores = Cores()  # as many as there are before this worker settles on one
    threads = threads_for(settings, queues, cores.count)
    metrics = WorkerMetrics(threads)
    logs.set_up(settings, "worker", metrics.note_event)
    serve_metrics(metrics.registry, settings.listen_address, settings.worker_metrics_port, settings.metrics_token)
    edge = open_edge(settings, metrics)
    metrics.count_hints()
    metrics.watch_spool(edge.spool)
    wait_until("the bucket is there", lambda: has_bucket(edge.store))
    heartbeat = Heartbeat(edge)
    Station.edge = MeasuredEdge.over(edge, metrics, holder=heartbeat.holder)
    if settings.worker_one_core and set(queues) != {DECODING}:
        with edge.read() as session:
            cores.settle(rank_of(session, heartbeat.holder))
    Station.rooms = {DECODING: Room(settings.decoders or cores.count, most=max(threads // 2, 1), around=cores.all)}
    follow_tasks(metrics)
    worker_ready.connect(lambda **_: _ready(heartbeat), weak=False)
    worker_ready.connect(lambda **_: start_watch(app, queues, threads), weak=False)
    worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
    app.steps["consumer"].add(EventPost)
    app.Worker(
        pool=WakingThreads,
        concurrency=threads,
        queues=list(queues),
        without_gossip=True,  # neighbours are known by their rows
        without_mingle=True,
        loglevel="INFO",
        hostname=f"callsheet@{socket.gethostname()}",
    ).start()


def refuse_unknown(queues: Collection[str]) -> None:
    """Raise `UsageError` where a queue is named that there is not, or none."""
    unknown = [name for name in queues if name not in QUEUES]
    if unknown or not queues:
        raise UsageError(
            f"There is no queue {', '.join(map(repr, unknown))}." if unknown else "No queue is named.",
            hint=f"The queues are {', '.join(QUEUES)}; name some of them, separated by commas.",
        )


def threads_for(settings: Settings, queues: Collection[str], cores: int) -> int:
    """Return how many tasks to have under way: calls wait for the provider, decoding needs a core each."""
    return settings.decoders or cores if set(queues) == {DECODING} else settings.worker_threads


def _ready(heartbeat: Heartbeat) -> None:
    heartbeat.start()
    path = ready_file()
    if path is not None:
        path.touch()


if __name__ == "__main__":
    with told():
        run(load_settings())
