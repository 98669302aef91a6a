from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.references.models import Reference, ReferenceState
from tests.support import factories

CLAIM = (ReferenceState.RECEIVED, ReferenceState.PREPARING)


@dataclass(frozen=True)
class Row:
    """A row that can be claimed, and a worker that may."""

    id: str
    holder: str


@pytest.fixture
def row(database: Database) -> Row:
    with database.write() as session:
        owner = factories.account(session)
        return Row(factories.reference(session, owner, ready=False).id, factories.worker(session))


def claim(database: Database, row: Row, *, seconds: float = 60) -> int | None:
    with database.write() as session:
        claimed = leases.claim(session, Reference, row.id, holder=row.holder, seconds=seconds, state=CLAIM)
        return claimed.fence if claimed else None


def settle(database: Database, row: Row, fence: int, **values: object) -> bool:
    with database.write() as session:
        return leases.settle(session, Reference, row.id, fence, **values)


def take_back(database: Database, row: Row) -> None:
    with database.write() as session:
        found = session.get_one(Reference, row.id)
        found.state, found.lease_until, found.holder = ReferenceState.RECEIVED, None, None


def read(database: Database, row: Row) -> Reference:
    with database.read() as session:
        return session.get_one(Reference, row.id)


def lapsed(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Reference.id).where(leases.lapsed(Reference))))


def test_a_claim_raises_the_fence_and_names_the_holder(database: Database, row: Row) -> None:
    assert claim(database, row) == 1
    claimed = read(database, row)
    assert (claimed.state, claimed.fence, claimed.holder) == (ReferenceState.PREPARING, 1, row.holder)
    assert claimed.lease_until is not None


def test_what_is_claimed_cannot_be_claimed_again(database: Database, row: Row) -> None:
    assert claim(database, row) == 1
    assert claim(database, row) is None
    assert read(database, row).fence == 1


def test_of_many_claims_at_once_one_is_granted(database: Database, row: Row) -> None:
    with ThreadPoolExecutor(8) as threads:
        granted = [done.result() for done in [threads.submit(claim, database, row) for _ in range(16)]]
    assert [fence for fence in granted if fence is not None] == [1]


def test_settling_ends_the_lease(database: Database, row: Row) -> None:
    claim(database, row)
    assert settle(database, row, 1, state=ReferenceState.READY)
    settled = read(database, row)
    assert (settled.state, settled.holder, settled.lease_until) == (ReferenceState.READY, None, None)


def test_settling_twice_changes_nothing(database: Database, row: Row) -> None:
    claim(database, row)
    assert settle(database, row, 1, state=ReferenceState.READY)
    assert not settle(database, row, 1, state=ReferenceState.REFUSED)
    assert read(database, row).state is ReferenceState.READY


def test_a_late_twin_changes_nothing_once_the_claim_was_taken_back(database: Database, row: Row) -> None:
    claim(database, row)
    take_back(database, row)
    assert not settle(database, row, 1, state=ReferenceState.READY)
    assert read(database, row).state is ReferenceState.RECEIVED


def test_a_late_twin_changes_nothing_while_another_is_at_it(database: Database, row: Row) -> None:
    claim(database, row)
    take_back(database, row)
    assert claim(database, row) == 2
    assert not settle(database, row, 1, state=ReferenceState.READY)
    assert read(database, row).state is ReferenceState.PREPARING


def test_a_late_twin_changes_nothing_where_the_row_was_only_announced_again(database: Database, row: Row) -> None:
    claim(database, row)
    take_back(database, row)
    with database.write() as session:
        # A message is on its way: that is a lease without a holder, under the fence of before.
        session.get_one(Reference, row.id).lease_until = 2**50
    assert not settle(database, row, 1, state=ReferenceState.READY)


def test_a_lease_lapses_when_its_time_is_over(database: Database, row: Row) -> None:
    claim(database, row)
    assert lapsed(database) == []
    take_back(database, row)
    claim(database, row, seconds=-1)
    assert lapsed(database) == [row.id]


def test_a_lease_ends_with_the_beat_of_its_holder(database: Database, row: Row) -> None:
    claim(database, row)
    with database.write() as session:
        factories.bury(session, row.holder)
    assert lapsed(database) == [row.id]


def test_a_lease_goes_on_while_its_holder_beats(database: Database, row: Row) -> None:
    claim(database, row)
    with database.write() as session:
        factories.bury(session, row.holder)
        assert leases.beat(session, row.holder)
    assert lapsed(database) == []


def test_an_instance_that_never_joined_cannot_beat(database: Database) -> None:
    with database.write() as session:
        assert not leases.beat(session, factories.an_id("wrk"))


def test_an_instance_that_was_seen_to_die_is_dead_at_once(database: Database, row: Row) -> None:
    claim(database, row)
    with database.write() as session:
        worker = session.get_one(leases.Instance, row.holder)
        leases.bury(session, host="elsewhere", pid=worker.pid)
    assert lapsed(database) == []
    with database.write() as session:
        leases.bury(session, host=worker.host, pid=worker.pid)
    assert lapsed(database) == [row.id]


def test_a_row_without_a_lease_never_lapses(database: Database, row: Row) -> None:
    assert read(database, row).lease_until is None
    assert lapsed(database) == []
