"""What the safety of paid calls asks of Celery is what the app has, and a changed option stops the worker."""

import pytest
from kombu.utils.functional import retry_over_time

from pipeline.errors import EnvironmentFault
from pipeline.settings import load_settings
from workers.app import BINDING, CONVENIENCE, QUEUES, create_app, refuse_unsafe

UNSAFE = {
    "task_acks_late": True,
    "worker_disable_prefetch": False,
    "worker_prefetch_multiplier": 4,
    "task_ignore_result": False,
    "task_publish_retry": True,
    "accept_content": ["json", "pickle"],
    "task_serializer": "pickle",
    "event_serializer": "pickle",
}


def test_the_app_has_every_binding_option() -> None:
    app = create_app(load_settings())
    assert {option: app.conf[option] for option in BINDING} == dict(BINDING)
    refuse_unsafe(app)


def test_every_binding_option_is_tried_below() -> None:
    assert set(UNSAFE) == set(BINDING)


@pytest.mark.parametrize(("option", "value"), UNSAFE.items())
def test_a_changed_option_is_refused_by_name(option: str, value: object) -> None:
    app = create_app(load_settings())
    app.conf[option] = value
    with pytest.raises(EnvironmentFault, match=option):
        refuse_unsafe(app)


def test_the_broker_is_waited_for_without_end() -> None:
    tries = []

    def connect() -> str:
        tries.append(1)
        if len(tries) < 200:
            raise OSError
        return "connected"

    limit = create_app(load_settings()).conf.broker_connection_max_retries
    connected = retry_over_time(connect, OSError, errback=lambda *_: 0, max_retries=limit)  # type: ignore[no-untyped-call]
    assert connected == "connected"


def test_every_queue_is_declared_and_none_is_made_by_a_misspelt_name() -> None:
    app = create_app(load_settings())
    assert {queue.name for queue in app.conf.task_queues} == set(QUEUES)
    assert app.conf.task_create_missing_queues is False
    assert {route["queue"] for route in app.conf.task_routes.values()} == set(QUEUES)


def test_a_stop_waits_longer_than_a_call_may_take() -> None:
    settings = load_settings()
    assert create_app(settings).conf.worker_soft_shutdown_timeout > settings.clone_timeout_seconds


def test_sockets_to_the_broker_time_out() -> None:
    options = CONVENIENCE["broker_transport_options"]
    assert isinstance(options, dict)
    assert 0 < options["socket_connect_timeout"] <= 5
    assert 0 < options["socket_timeout"] <= 10
    assert options["socket_keepalive"]
