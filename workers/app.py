"""The Celery app: queues, routes and options. A message is a hint; the row it names decides."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import BoundedSemaphore
from typing import Any

from celery import Celery
from kombu.entity import Queue

from pipeline.edge import Edge
from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings, load_settings
from workers.binding import binding
from workers.messaging import SteadyAMQP

DECODING = "references"
ROUTES: Mapping[str, str] = {
    # A core for seconds each: as many at once as there are cores, or they would starve each other and the calls.
    "references.*": DECODING,
    # Calls of up to minutes that cost dollars: whoever stops speech, to add workers say, need not stop these.
    "voices.*": "voices",
    # The same, and no call: listening gives way to nothing but the machine.
    "speech.hear": DECODING,
    # Calls of about a second by the thousand: they wait for the provider, so a thread each and no core.
    "speech.*": "speech",
}
"""Which queue a task goes to: tasks of one queue need the same of a machine."""
QUEUES = tuple(dict.fromkeys(ROUTES.values()))

Body = Callable[[Edge, str], None]


CONVENIENCE: Mapping[str, object] = {
    "task_queues": [Queue(name) for name in QUEUES],  # type: ignore[no-untyped-call] # no annotations
    "task_routes": {pattern: {"queue": queue} for pattern, queue in ROUTES.items()},
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
}


def create_app(settings: Settings) -> Celery:
    """Make the Celery app for these settings."""
    app = Celery("callsheet", amqp=SteadyAMQP, include=[f"workers.tasks.{name}" for name in QUEUES])
    app.conf.update(binding(settings))
    app.conf.update(CONVENIENCE)
    app.conf.broker_url = settings.broker_url.get_secret_value() if settings.broker_url else None
    return app


app = create_app(load_settings())


class Room:
    """Lets a bounded number of tasks of one queue work at once, and a bounded number of threads wait for it.

    Whoever finds no place leaves: its row stays due, and the sweeper sends the hint once more. `around` is what their
    work is done in.
    """

    def __init__(
        self, at_once: int, *, most: int, around: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._work = BoundedSemaphore(at_once)
        self._places = BoundedSemaphore(max(most, at_once))
        self._around = around

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Wait for the turn and hold it; False at once where enough wait already."""
        if not self._places.acquire(blocking=False):
            yield False
            return
        try:
            with self._work, self._around():
                yield True
        finally:
            self._places.release()


class Station:
    """Holds the edge the tasks of this process work with, and the room there is for some of them."""

    edge: Edge | None = None
    rooms: Mapping[str, Room] = {}

    @classmethod
    def current(cls) -> Edge:
        """Return the edge; raises `EnvironmentFault` in a process that was not started as a worker."""
        if cls.edge is None:
            raise EnvironmentFault("This process is no worker.", hint="Start one with `callsheet worker`.")
        return cls.edge

    @classmethod
    def place(cls, queue: str) -> AbstractContextManager[bool]:
        """Hold a place for a task of this queue; True at once where the queue has no room of its own."""
        room = cls.rooms.get(queue)
        return room.place() if room else nullcontext(enter_result=True)


def task(name: str) -> Callable[[Body], Any]:
    """Register a stage's task under its explicit name; it gets the edge and the id of its row."""
    queue = ROUTES.get(name) or ROUTES[f"{name.partition('.')[0]}.*"]

    def register(body: Body) -> Any:  # noqa: ANN401 - Celery's task class
        def run(row_id: str) -> None:
            with Station.place(queue) as has_place:
                if has_place:
                    body(Station.current(), row_id)

        run.__doc__ = body.__doc__
        return app.task(name=name)(run)

    return register
