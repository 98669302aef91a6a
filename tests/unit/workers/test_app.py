from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery

from pipeline.errors import EnvironmentFault
from pipeline.flow import FLOW
from pipeline.settings import Settings
from workers.app import BINDING, QUEUES, Station, create_app, refuse_unsafe

OTHERS: dict[type, Callable[[Any], object]] = {
    bool: lambda safe: not safe,
    int: lambda safe: safe + 3,
    str: lambda _: "pickle",
    list: lambda safe: [*safe, "pickle"],
}


@pytest.fixture
def app() -> Celery:
    return create_app(Settings(clone_timeout_seconds=200))


def test_the_app_as_it_is_made_is_safe(app: Celery) -> None:
    refuse_unsafe(app)


@pytest.mark.parametrize("option", BINDING)
def test_an_option_that_paid_calls_rest_on_may_not_be_changed(app: Celery, option: str) -> None:
    safe = BINDING[option]
    app.conf[option] = OTHERS[type(safe)](safe)
    with pytest.raises(EnvironmentFault, match=option) as raised:
        refuse_unsafe(app)
    assert repr(safe) in raised.value.message
    assert raised.value.hint


def test_a_stopping_worker_waits_longer_than_a_call_may_take(app: Celery) -> None:
    assert app.conf.worker_soft_shutdown_timeout > 200


def test_every_task_goes_to_the_queue_of_its_stage(app: Celery) -> None:
    for task in FLOW.values():
        routed = app.amqp.router.route({}, task)["queue"].name
        assert routed == task.partition(".")[0]
        assert routed in QUEUES


def test_a_broker_that_is_away_is_waited_for_without_end(app: Celery) -> None:
    assert app.conf.broker_connection_retry_on_startup is True
    assert app.conf.broker_connection_max_retries is None


def test_a_process_that_is_no_worker_has_no_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Station, "edge", None)
    with pytest.raises(EnvironmentFault, match="no worker") as raised:
        Station.current()
    assert "callsheet worker" in raised.value.hint
