from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from celery import Celery

from pipeline.errors import EnvironmentFault, UsageError
from pipeline.flow import FLOW
from pipeline.settings import Settings
from workers.app import DECODING, QUEUES, Room, Station, create_app
from workers.serving.worker import refuse_unknown, threads_for


@pytest.fixture
def app() -> Celery:
    return create_app(Settings(clone_timeout_seconds=200))


def test_every_task_goes_to_the_queue_of_its_stage(app: Celery) -> None:
    for task in FLOW.values():
        routed = app.amqp.router.route({}, task)["queue"].name
        assert routed == (DECODING if task == "speech.hear" else task.partition(".")[0])
        assert routed in QUEUES


def test_a_broker_that_is_away_is_waited_for_without_end(app: Celery) -> None:
    assert app.conf.broker_connection_retry_on_startup is True
    assert app.conf.broker_connection_max_retries is None


def test_a_process_that_is_no_worker_has_no_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Station, "edge", None)
    with pytest.raises(EnvironmentFault, match="no worker") as raised:
        Station.current()
    assert "callsheet worker" in raised.value.hint


def test_listening_has_the_queue_of_decoding_and_each_stage_its_own(app: Celery) -> None:
    routes = {task: route["queue"] for task, route in app.conf.task_routes.items()}
    assert routes.pop("speech.hear") == DECODING
    assert list(routes.values()) == list(QUEUES)


def test_no_more_tasks_work_in_a_room_than_it_has_place_for_and_who_finds_no_place_leaves() -> None:
    room, working, done = Room(2, most=3), Semaphore(0), Event()
    places: list[bool] = []

    def work() -> None:
        with room.place() as has_place:
            places.append(has_place)
            working.release()
            done.wait(10)

    with ThreadPoolExecutor(3) as threads:
        for _ in range(2):
            threads.submit(work)
        assert all(working.acquire(timeout=10) for _ in range(2))
        waits = threads.submit(work)
        while room._places.acquire(blocking=False):  # until the third waits
            room._places.release()
        with room.place() as has_place:
            assert has_place is False
        assert not waits.done()
        assert places == [True, True]
        done.set()
    assert places == [True, True, True]
    with room.place() as has_place:
        assert has_place


def test_a_task_without_a_place_is_left_to_the_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(1, most=1)
    monkeypatch.setattr(Station, "rooms", {DECODING: room})
    with Station.place(DECODING) as first, Station.place(DECODING) as second, Station.place("speech") as other:
        assert (first, second, other) == (True, False, True)


def test_a_worker_of_recordings_alone_has_a_thread_a_decoder_and_others_one_a_call() -> None:
    settings = Settings(worker_threads=48, decoders=3)
    assert threads_for(settings, (DECODING,), 8) == 3
    assert threads_for(settings, QUEUES, 8) == threads_for(settings, ("speech",), 8) == 48
    assert threads_for(Settings(), (DECODING,), 8) == 8


@pytest.mark.parametrize("queues", [("speach",), ("speech", ""), ()])
def test_a_queue_that_there_is_not_is_refused_with_those_there_are(queues: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as refused:
        refuse_unknown(queues)
    assert all(queue in refused.value.hint for queue in QUEUES)
