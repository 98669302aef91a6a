import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.db.queueing import WriteQueue
from tests.support.databases import SqliteMaker

THREADS = 12


def started(*targets: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def waiting(queue: WriteQueue, number: int) -> None:
    deadline = time.monotonic() + 10
    while len(queue._waiting) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_threads_go_in_the_order_they_came_and_one_at_a_time() -> None:
    queue = WriteQueue()
    order: list[int] = []
    inside: list[int] = []

    def write(number: int) -> None:
        with queue.turn():
            inside.append(number)
            order.append(number)
            assert inside == [number]
            inside.remove(number)

    threads = []
    with queue.turn():
        for number in range(THREADS):
            threads += started(partial(write, number))
            waiting(queue, number + 1)
    for thread in threads:
        thread.join(10)
    assert order == list(range(THREADS))


def test_who_must_not_wait_goes_before_all_who_do() -> None:
    queue = WriteQueue()
    order: list[str] = []

    def write(name: str, *, first: bool = False) -> None:
        with queue.turn(first=first):
            order.append(name)

    with queue.turn():
        threads = started(lambda: write("task"))
        waiting(queue, 1)
        threads += started(lambda: write("beat", first=True))
        waiting(queue, 2)
    for thread in threads:
        thread.join(10)
    assert order == ["beat", "task"]


def test_a_turn_that_ends_in_an_error_is_handed_on() -> None:
    queue = WriteQueue()
    with pytest.raises(ValueError, match="no"), queue.turn():
        raise ValueError("no")
    with queue.turn():
        pass


def longest_wait_of_the_beat(database: Database, *, first: bool) -> float:
    """Return how long the beat of a worker had to wait whose threads all write, in seconds."""
    over = threading.Event()

    def write_on() -> None:
        while not over.is_set():
            with database.write() as session:
                leases.join(session)
                time.sleep(0.005)

    threads = started(*[write_on] * THREADS)
    waits = []
    for _ in range(10):
        asked = time.monotonic()
        with database.write(first=first) as session:
            leases.beat(session, "wrk_1")
        waits.append(time.monotonic() - asked)
        time.sleep(0.02)
    over.set()
    for thread in threads:
        thread.join(30)
    return max(waits)


def test_the_beat_of_a_busy_worker_waits_for_one_writer_and_not_for_all(sqlite_maker: SqliteMaker) -> None:
    with sqlite_maker.fresh() as database:
        ahead = longest_wait_of_the_beat(database, first=True)
        behind = longest_wait_of_the_beat(database, first=False)
    assert ahead < behind / 2
