from collections.abc import Iterator
from threading import Event

import pytest
from kombu.asynchronous import get_event_loop, set_event_loop

from workers.serving.threads import WakingThreads

AT_MOST = 5.0


class Loop:
    """An event loop that notes when it is woken."""

    def __init__(self) -> None:
        self.woken = Event()

    def call_soon(self, _callback: object) -> None:
        self.woken.set()


@pytest.fixture
def loop() -> Iterator[Loop]:
    before = get_event_loop()
    loop = Loop()
    set_event_loop(loop)
    yield loop
    set_event_loop(before)


@pytest.fixture
def pool() -> Iterator[WakingThreads]:
    pool = WakingThreads(1)
    yield pool
    pool.on_stop()


def test_the_loop_is_woken_once_a_task_has_ended_and_not_before(loop: Loop, pool: WakingThreads) -> None:
    may_end = Event()
    applied = pool.on_apply(may_end.wait, (), callback=_nothing)
    assert not loop.woken.is_set()
    may_end.set()
    applied.wait(AT_MOST)
    assert loop.woken.wait(AT_MOST)


def test_the_loop_is_woken_by_a_task_that_failed(loop: Loop, pool: WakingThreads) -> None:
    pool.on_apply(_fail, ()).wait(AT_MOST)
    assert loop.woken.wait(AT_MOST)


def test_a_pool_without_a_loop_runs_its_tasks(pool: WakingThreads) -> None:
    set_event_loop(None)
    done = Event()
    pool.on_apply(done.set, (), callback=_nothing).wait(AT_MOST)
    assert done.is_set()


def _fail() -> None:
    raise ValueError


def _nothing(_result: object) -> None: ...
