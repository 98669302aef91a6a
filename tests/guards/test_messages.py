"""What a message costs: hints are sent in one go, and no receipt is kept of any."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.app.amqp import AMQP
from kombu import pools
from kombu.transport import redis as transport
from redis import Redis

from pipeline.settings import load_settings
from tests.support.valkey import RunningValkey
from workers.app import create_app
from workers.messaging import ThriftyChannel
from workers.relay import CeleryPublisher

ROWS = ("take_1", "take_2", "take_3")


@pytest.fixture(scope="module")
def valkey() -> Iterator[RunningValkey]:
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        running = RunningValkey(Path(folder), durable=False)
        running.start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def server(valkey: RunningValkey) -> Iterator[Redis]:
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def app(valkey: RunningValkey) -> Celery:
    pools.reset()  # type: ignore[no-untyped-call] # connections of the test before
    return create_app(load_settings(broker_url=valkey.url))


def receive(app: Celery, look: Callable[[Any], object]) -> list[object]:
    """Take the messages of all queues as a worker does, acknowledge them, and return what was seen at each."""
    seen: list[object] = []

    def take(message: Any) -> None:
        seen.append(look(message))
        message.ack()

    with app.connection_for_read() as connection, app.amqp.TaskConsumer(connection, on_message=take):
        while len(seen) < len(ROWS):
            connection.drain_events(timeout=10)
    return seen


def test_hints_of_one_commit_reach_the_queue_together_and_in_order(app: Celery, server: Redis) -> None:
    CeleryPublisher(app).publish("speech.speak", *ROWS)
    assert server.llen("speech") == len(ROWS)
    assert receive(app, lambda message: message.payload[0]) == [[row] for row in ROWS]


def test_no_receipt_is_kept_of_a_message(app: Celery, server: Redis) -> None:
    CeleryPublisher(app).publish("speech.speak", *ROWS)
    assert receive(app, lambda _: server.hlen("unacked")) == [0, 0, 0]


def test_without_the_option_celery_keeps_one(app: Celery, server: Redis) -> None:
    CeleryPublisher(app).publish("speech.speak", *ROWS)
    app.amqp = AMQP(app)
    assert 0 not in receive(app, lambda _: server.hlen("unacked"))
    assert server.hlen("unacked") == 0


@pytest.mark.parametrize(("channel", "most"), [(ThriftyChannel, 8), (transport.Channel, None)])
def test_a_client_is_made_once_and_not_for_every_command(
    app: Celery, server: Redis, monkeypatch: pytest.MonkeyPatch, channel: type, most: int | None
) -> None:
    made = []
    real = transport.Channel._create_client
    monkeypatch.setattr(
        transport.Channel, "_create_client", lambda *given, **named: made.append(1) or real(*given, **named)
    )
    monkeypatch.setattr("workers.messaging.ThriftyTransport.Channel", channel)
    publisher = CeleryPublisher(app)
    for row in range(20):
        publisher.publish("speech.speak", str(row))
    assert server.llen("speech") == 20
    assert len(made) <= most if most else len(made) >= 20
