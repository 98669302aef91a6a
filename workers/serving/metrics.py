"""What a worker or a sweeper measures in its own process: calls, tasks, waits, its disk. The rows tell the rest.

The threads of a worker share one process, so one registry holds all of it. Labels are names of the code: calls,
outcomes, tasks, queues, error classes, log events. No id, no account and no text is one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from celery.signals import after_task_publish
from kombu.exceptions import OperationalError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric

from pipeline.storage.spool import Spool

CALL_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 45.0, 90.0, 180.0)
"""Seconds: a line takes about one, a clone up to minutes."""
WAIT_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
"""Seconds: nobody waits for a permit for longer than `edge.PATIENCE_SECONDS`."""
EVENT = re.compile(r"[a-z_]{1,40}")
OTHER = "other"


class ProcessMetrics:
    """The metrics of this process; it is told of every call to the provider (`pipeline.provider.meter.Meter`)."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # twice the lines, and Prometheus sees a restart without them
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._calls = Histogram(
            "callsheet_provider_call_seconds",
            "How long calls to the provider took, by what they were for and how they ended.",
            ("call", "outcome"),
            buckets=CALL_BUCKETS,
            registry=self.registry,
        )
        self._in_flight = self._gauge("callsheet_provider_calls_in_flight", "Calls that are under way.", "call")
        self._hints = self._counter("callsheet_hints_sent_total", "Messages handed to the broker.", "task")
        self._events = self._counter("callsheet_log_events_total", "Lines logged, by their event.", "event", "level")

    def begins(self, call: str) -> None:
        """Note that a call is under way."""
        self._in_flight.labels(call).inc()

    def ends(self, call: str, outcome: str, seconds: float) -> None:
        """Note how a call has ended."""
        self._in_flight.labels(call).dec()
        self._calls.labels(call, outcome).observe(seconds)

    def note_event(self, event: str, level: str) -> None:
        """Count a line of the log; what is no name of an event of ours is counted together."""
        self._events.labels(event if EVENT.fullmatch(event) else OTHER, level).inc()

    def count_hints(self) -> None:
        """Count every message this process sends."""
        after_task_publish.connect(self._hint_sent, weak=False)

    def watch_spool(self, spool: Spool) -> None:
        """Show what waits on this machine's disk."""
        self.registry.register(SpoolState(spool))

    def watch_queues(self, count: Callable[[str], int], queues: Iterable[str]) -> None:
        """Show how many messages wait in each of these queues."""
        self.registry.register(QueueLengths(count, tuple(queues)))

    def _hint_sent(self, sender: str, **_signal: object) -> None:
        self._hints.labels(sender).inc()

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, told, labels, registry=self.registry)


class WorkerMetrics(ProcessMetrics):
    """And those of the tasks it runs."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._started = self._counter("callsheet_tasks_started_total", "Tasks begun.", "task")
        self._failed = self._counter("callsheet_tasks_failed_total", "Tasks that raised, by class.", "task", "error")
        self._running = self._gauge("callsheet_tasks_running", "Tasks under way.", "task")
        self._gauge("callsheet_worker_threads", "Tasks that may be under way at once.").set(threads)
        self._took = Histogram(
            "callsheet_task_seconds",
            "How long tasks took.",
            ("task",),
            buckets=CALL_BUCKETS,
            registry=self.registry,
        )
        self._waited = Histogram(
            "callsheet_permit_wait_seconds",
            "How long a call waited for its permit, by whether it got one.",
            ("outcome",),
            buckets=WAIT_BUCKETS,
            registry=self.registry,
        )

    def task_begins(self, task: str) -> None:
        """Note that a task is under way."""
        self._started.labels(task).inc()
        self._running.labels(task).inc()

    def task_ends(self, task: str, seconds: float, error: BaseException | None) -> None:
        """Note how a task has ended."""
        self._running.labels(task).dec()
        self._took.labels(task).observe(seconds)
        if error is not None:
            self._failed.labels(task, type(error).__name__).inc()

    def waited(self, seconds: float, *, granted: bool) -> None:
        """Note how long a permit was waited for."""
        self._waited.labels("granted" if granted else "denied").observe(seconds)


class SweeperMetrics(ProcessMetrics):
    """And those of its rounds."""

    def __init__(self) -> None:
        super().__init__()
        self._rounds = self._counter("callsheet_sweeps_total", "Rounds, by how they went.", "outcome")

    def swept(self, *, all_well: bool) -> None:
        """Note that a round is over."""
        self._rounds.labels("well" if all_well else "failed").inc()


class SpoolState:
    """What is paid for and waits on disk, as it is when somebody looks."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without looking."""
        return self._metrics(0, 0, 0.0)

    def collect(self) -> Iterator[Metric]:
        """Look."""
        kept = self._spool.backlog()
        return self._metrics(kept.answers, kept.size, kept.oldest_seconds)

    def _metrics(self, answers: int, size: int, oldest: float) -> Iterator[Metric]:
        yield GaugeMetricFamily("callsheet_spool_answers", "Paid answers on this machine's disk alone.", answers)
        yield GaugeMetricFamily("callsheet_spool_bytes", "Their size.", size)
        yield GaugeMetricFamily("callsheet_spool_oldest_seconds", "How long the oldest has been there.", oldest)


class QueueLengths:
    """How many messages wait at the broker, as it is when somebody looks; nothing while it is away."""

    def __init__(self, count: Callable[[str], int], queues: tuple[str, ...]) -> None:
        self._count = count
        self._queues = queues

    def describe(self) -> Iterator[Metric]:
        """Name the metric without asking the broker."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """Ask."""
        family = self._family()
        try:
            for queue in self._queues:
                family.add_metric((queue,), self._count(queue))
        except (OperationalError, OSError):
            family.samples.clear()
        yield family

    def _family(self) -> Any:  # noqa: ANN401 - the client's class has no annotations
        return GaugeMetricFamily("callsheet_messages_waiting", "Messages at the broker, by queue.", labels=("queue",))
