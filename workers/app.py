"""The Celery app: queues, routes and limits. A message is a hint; the row it names decides."""

from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery, bootsteps
from kombu.entity import Queue

from pipeline.edge import Edge
from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings, load_settings

QUEUES = ("references", "voices", "speech")
FETCH_TICK_SECONDS = 0.005

Body = Callable[[Edge, str], None]


class FetchTick(bootsteps.StartStopStep):  # type: ignore[misc] # Celery publishes no annotations
    """Wakes the event loop of the threads pool, which otherwise notices a freed slot once a second only.

    Measured with prefetch off: 8 threads on a 300 ms call made 8.1 calls a second without it, 24.3 with it.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """Start ticking, where the consumer has an event loop."""
        self.timer = parent.hub.call_repeatedly(FETCH_TICK_SECONDS, _nothing) if parent.hub else None

    def stop(self, _parent: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """Stop ticking."""
        if self.timer:
            self.timer.cancel()


def _nothing() -> None:
    """Do nothing: the tick itself makes the loop look."""


BINDING: Mapping[str, object] = {
    # A late-acked task runs twice after any dropped connection, and kills the worker when the broker restarts.
    "task_acks_late": False,
    # Fetch a message only when a thread is free: nothing unacked is held, so a broker restart harms nothing.
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    # The database holds every outcome; a result backend would grow and could be read as truth.
    "task_ignore_result": True,
    # A hint that cannot be sent is sent again by the sweeper; nobody waits for the broker.
    "task_publish_retry": False,
    # A message can start a task with an id and nothing else: no pickle.
    "accept_content": ["json"],
    "task_serializer": "json",
    "event_serializer": "json",
}
"""What the safety of paid calls rests on; another value is refused at start."""

CONVENIENCE: Mapping[str, object] = {
    "task_queues": [Queue(name) for name in QUEUES],  # type: ignore[no-untyped-call] # no annotations
    "task_routes": {f"{name}.*": {"queue": name} for name in QUEUES},
    "task_default_queue": "voices",
    "task_create_missing_queues": False,
    # Flower shows each job from the moment it is sent.
    "worker_send_task_events": True,
    "task_send_sent_event": True,
    # Our own log format, with ids and without text.
    "worker_hijack_root_logger": False,
    # The broker may start after the worker, and may be away for as long as it likes: None is no limit, 0 is no retry.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # Half-open connections are noticed instead of waited on for ever.
    "broker_transport_options": {
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
}


def create_app(settings: Settings) -> Celery:
    """Make the Celery app for these settings."""
    app = Celery("callsheet", include=[f"workers.tasks.{name}" for name in QUEUES])
    app.conf.update(BINDING)
    app.conf.update(CONVENIENCE)
    app.conf.broker_url = settings.broker_url.get_secret_value() if settings.broker_url else None
    # On SIGTERM a call under way is waited for: longer than its own HTTP timeout.
    app.conf.worker_soft_shutdown_timeout = settings.clone_timeout_seconds + 10
    app.steps["consumer"].add(FetchTick)
    return app


def refuse_unsafe(app: Celery) -> None:
    """Raise `EnvironmentFault` where an option that paid calls rest on has been changed."""
    for option, safe in BINDING.items():
        if app.conf[option] != safe:
            raise EnvironmentFault(
                f"Celery's {option} is {app.conf[option]!r}; paid calls are safe only with {safe!r}.",
                hint="Remove the override; workers/app.py says what it protects against.",
            )


app = create_app(load_settings())


class Station:
    """Holds the edge the tasks of this process work with."""

    edge: Edge | None = None

    @classmethod
    def current(cls) -> Edge:
        """Return the edge; raises `EnvironmentFault` in a process that was not started as a worker."""
        if cls.edge is None:
            raise EnvironmentFault("This process is no worker.", hint="Start one with `callsheet worker`.")
        return cls.edge


def task(name: str) -> Callable[[Body], Any]:
    """Register a stage's task under its explicit name; it gets the edge and the id of its row."""

    def register(body: Body) -> Any:  # noqa: ANN401 - Celery's task class
        def run(row_id: str) -> None:
            body(Station.current(), row_id)

        run.__doc__ = body.__doc__
        return app.task(name=name)(run)

    return register
