"""A worker's threads stay on one core; what decodes beside them may use all."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from pipeline.db import leases
from pipeline.db.engine import Database
from tests.support import factories
from workers.app import Room
from workers.serving import cores
from workers.serving.cores import Cores, rank_of

T = TypeVar("T")

pytestmark = pytest.mark.skipif(not cores.CAN_CHOOSE, reason="this system does not let a program choose its cores")
ALL = os.sched_getaffinity(0) if cores.CAN_CHOOSE else set()
many = pytest.mark.skipif(len(ALL) < 2, reason="there is one core")


def in_a_thread(act: Callable[[], T]) -> T:
    """Do it where it changes no other thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(act).result()


@many
def test_workers_of_a_machine_take_one_core_each_in_turn() -> None:
    def settle(rank: int) -> set[int]:
        Cores().settle(rank)
        return os.sched_getaffinity(0)

    taken = [in_a_thread(lambda rank=rank: settle(rank)) for rank in range(len(ALL) + 1)]  # type: ignore[misc]
    assert [len(each) for each in taken] == [1] * (len(ALL) + 1)
    assert set().union(*taken) == ALL
    assert taken[-1] == taken[0] == {max(ALL)}


@many
def test_who_has_settled_on_one_core_still_knows_how_many_there_are() -> None:
    def count() -> int:
        mine = Cores()
        mine.settle(0)
        return mine.count

    assert in_a_thread(count) == len(ALL)


@many
def test_a_room_for_decoding_has_all_cores_and_gives_them_back() -> None:
    def work() -> tuple[set[int], set[int]]:
        mine = Cores()
        mine.settle(0)
        with Room(1, most=1, around=mine.all).place() as has_place:
            assert has_place
            inside = os.sched_getaffinity(0)
        return inside, os.sched_getaffinity(0)

    assert in_a_thread(work) == (ALL, {max(ALL)})


def test_a_worker_counts_those_before_it_that_live_on_its_machine(database: Database) -> None:
    with database.write() as session:
        holders = [leases.join(session) for _ in range(3)]
        leases.join(session, leases.SWEEPER)
        factories.bury(session, holders[0])
        assert [rank_of(session, holder) for holder in holders[1:]] == [0, 1]
