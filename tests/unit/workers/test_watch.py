from dataclasses import dataclass, field

import pytest
from kombu.exceptions import OperationalError

from pipeline.settings import Settings
from tests.support.valkey import running_valkey
from workers.app import QUEUES, create_app
from workers.relay import CeleryPublisher
from workers.serving.watch import STUCK_SECONDS, Watch, messages_waiting

THREADS = 2


@dataclass
class Scene:
    """A watch whose broker and clock are the test's."""

    waiting: int = 1
    is_away: bool = False
    now: float = 1_000.0
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self._ask, THREADS, lambda: self.now)

    def _ask(self) -> int:
        if self.is_away:
            raise OperationalError
        return self.waiting

    def after(self, seconds: float) -> bool:
        """Let time pass and look."""
        self.now += seconds
        return self.watch.is_stuck()


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    assert not scene.watch.is_stuck()
    return scene


def test_a_message_that_waits_beside_free_threads_for_a_minute_is_too_much(scene: Scene) -> None:
    assert not scene.after(STUCK_SECONDS - 1)
    assert scene.after(1)


def test_a_worker_without_messages_may_rest(scene: Scene) -> None:
    scene.waiting = 0
    assert not scene.after(10 * STUCK_SECONDS)


def test_the_minute_begins_anew_when_the_queue_has_been_seen_empty(scene: Scene) -> None:
    scene.waiting = 0
    assert not scene.after(STUCK_SECONDS - 1)
    scene.waiting = 1
    assert not scene.after(1)
    assert not scene.after(STUCK_SECONDS - 1)
    assert scene.after(1)


def test_a_task_begun_is_a_sign_of_life(scene: Scene) -> None:
    assert not scene.after(STUCK_SECONDS - 1)
    scene.watch.task_begins()
    assert not scene.after(1)
    assert not scene.after(STUCK_SECONDS - 1)
    assert scene.after(1)


def test_messages_may_wait_for_as_long_as_every_thread_is_at_a_call(scene: Scene) -> None:
    for _ in range(THREADS):
        scene.watch.task_begins()
    assert not scene.after(10 * STUCK_SECONDS)
    scene.watch.task_ends()
    assert not scene.after(1)
    assert scene.after(STUCK_SECONDS)
    assert scene.watch.running == THREADS - 1


def test_a_broker_that_is_away_is_waited_for(scene: Scene) -> None:
    scene.is_away = True
    assert not scene.after(10 * STUCK_SECONDS)
    scene.is_away = False
    assert not scene.after(1)
    assert scene.after(STUCK_SECONDS)


def test_messages_are_counted_in_every_queue_and_without_taking_them() -> None:
    with running_valkey() as broker:
        app = create_app(Settings(broker_url=broker.url))
        assert messages_waiting(app, QUEUES) == 0
        for task in ("speech.speak", "voices.make", "voices.make"):
            CeleryPublisher(app).publish(task, "row")
        assert messages_waiting(app, QUEUES) == messages_waiting(app, QUEUES) == 3
        assert messages_waiting(app, ["speech"]) == 1
    with pytest.raises(OperationalError):
        messages_waiting(app, QUEUES)
