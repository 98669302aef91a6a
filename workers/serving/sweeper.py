"""`python -m workers.serving.sweeper`: sweeps until told to stop."""

import signal
import time
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipeline.db import leases
from pipeline.edge import Edge
from pipeline.settings import Settings, load_settings
from workers.app import QUEUES, app
from workers.relay import run_sweeper
from workers.serving import logs
from workers.serving.endpoint import serve_metrics
from workers.serving.ground import open_edge, ready_file, told
from workers.serving.metrics import SweeperMetrics
from workers.serving.watch import messages_waiting

BEAT_SECONDS = 5.0
"""Nothing hangs on a sweeper's beat but what an operator is shown, and a commit costs a write to the disk."""

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Sweep; several may run at once."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    metrics = SweeperMetrics()
    logs.set_up(settings, "sweeper", metrics.note_event)
    serve_metrics(metrics.registry, settings.listen_address, settings.sweeper_metrics_port, settings.metrics_token)
    edge = open_edge(settings, metrics)
    metrics.count_hints()
    metrics.watch_spool(edge.spool)
    metrics.watch_queues(lambda queue: messages_waiting(app, (queue,)), QUEUES)
    run_sweeper(edge, stopped, ready_file(), Rounds(edge, metrics).over)


class Rounds:
    """Counts the rounds, and says in a row that somebody sweeps; not from a thread: who hangs must not seem alive."""

    def __init__(self, edge: Edge, metrics: SweeperMetrics) -> None:
        self._edge = edge
        self._metrics = metrics
        self._holder: str | None = None
        self._beat_due = 0.0

    def over(self, all_well: bool) -> None:  # noqa: FBT001 - its caller's own word
        """Note that a round is over."""
        self._metrics.swept(all_well=all_well)
        if time.monotonic() >= self._beat_due:
            self._beat_due = time.monotonic() + BEAT_SECONDS
            try:
                self._beat()
            except SQLAlchemyError as error:
                log.warning("beat_missed", error=type(error).__name__)

    def _beat(self) -> None:
        with self._edge.write() as session:
            if self._holder is None:
                self._holder = leases.join(session, leases.SWEEPER)
            else:
                leases.beat(session, self._holder)


if __name__ == "__main__":
    with told():
        run(load_settings())
