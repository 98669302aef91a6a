import pytest
from celery import Celery

from pipeline.errors import EnvironmentFault
from pipeline.flow import FLOW
from pipeline.settings import Settings
from workers.app import QUEUES, Station, create_app


@pytest.fixture
def app() -> Celery:
    return create_app(Settings(clone_timeout_seconds=200))


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
