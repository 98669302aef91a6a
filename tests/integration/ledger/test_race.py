"""A cap is a cap: what many processes hold at once never goes beyond it."""

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from pipeline.db.engine import Database
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Hold, TransferKind
from tests.integration.ledger import racing
from tests.integration.ledger.purses import PROVIDER, Purse, open_purse
from tests.integration.ledger.racing import granted
from tests.support import factories

RACERS, TRIES, PRICE, ROOM = 8, 40, 2_100_000, 50
CAP = ROOM * PRICE + PRICE - 1
"""Room for exactly that many clones, and almost for one more."""


@pytest.fixture(scope="module")
def racers() -> Iterator[ProcessPoolExecutor]:
    """Processes that share nothing but the database and the moment they start at."""
    spawned = multiprocessing.get_context("spawn")
    start = spawned.Barrier(RACERS)
    with ProcessPoolExecutor(RACERS, mp_context=spawned, initializer=racing.prepare, initargs=(start,)) as pool:
        yield pool


def race(racers: ProcessPoolExecutor, database: Database, purse: Purse, *, naive: bool = False) -> int:
    """Let every process try to hold as often as it may, and return how many holds were granted."""
    url = database.url.render_as_string(hide_password=False)
    ran = [racers.submit(racing.race, url, purse, racer, TRIES, PRICE, naive=naive) for racer in range(RACERS)]
    return sum(future.result() for future in ran)


def cap(database: Database, purse: Purse, whose: tuple[str, ...]) -> None:
    with database.write() as session:
        production = factories.production(session, factories.account_of(session, purse.account_id)).id
        provider = ledger.provider_owner(PROVIDER)
        owners = {"provider": provider, "account": purse.account_id, "production": production, "run": purse.run_id}
        for name in whose:
            ledger.open_budget(session, owners[name], None, CAP)
            session.execute(update(Budget).where(Budget.owner == owners[name]).values(cap=CAP))


# The last in the order gives back what the first three have taken.
@pytest.mark.parametrize(
    "whose", [("provider", "account", "production", "run"), ("run",)], ids=["all four", "the last"]
)
def test_exactly_as_many_holds_are_granted_as_the_cap_has_room_for(
    racers: ProcessPoolExecutor, database: Database, whose: tuple[str, ...]
) -> None:
    purse = open_purse(database)
    cap(database, purse, whose)
    assert race(racers, database, purse) == ROOM
    with database.read() as session:
        assert len(session.scalars(select(Hold)).all()) == ROOM
        assert [budget.held for budget in session.scalars(select(Budget))] == [ROOM * PRICE] * 4


def test_looking_first_and_taking_then_grants_more_than_there_is(
    racers: ProcessPoolExecutor, database: Database
) -> None:
    # The control: without the one conditional statement the same race overspends.
    purse = open_purse(database, account_cap=CAP)
    assert race(racers, database, purse, naive=True) > ROOM
    with database.write() as session:
        session.execute(update(Budget).values(held=0))


def test_money_set_free_meanwhile_is_granted_again_and_never_twice(database: Database) -> None:
    purse = open_purse(database, run_cap=3 * PRICE)
    start = threading.Barrier(RACERS)

    def hold_and_end(thread: int) -> int:
        start.wait()
        spent = 0
        for number in range(10):
            attempt = f"try_{thread}_{number}"
            if granted(database, purse, attempt, PRICE):
                spent += end(database, attempt, spend=(thread + number) % 5 == 0)
        return spent

    with ThreadPoolExecutor(RACERS) as threads:
        spent = sum(threads.map(hold_and_end, range(RACERS)))
    with database.read() as session:
        budget = session.get_one(Budget, purse.run_id)
    assert budget.held == 0
    assert budget.spent == spent <= 3 * PRICE


def end(database: Database, attempt: str, *, spend: bool) -> int:
    with database.write() as session:
        if spend:
            return ledger.settle(session, attempt, ledger.Payment(TransferKind.CLONE, PROVIDER, None, "voice_1"))
        ledger.release(session, attempt)
    return 0
