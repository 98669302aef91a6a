"""A cap is a cap: what many threads hold at once never goes beyond it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, TransferKind
from tests.integration.ledger.purses import Purse, open_purse

THREADS, TRIES, PRICE, ROOM = 8, 40, 2_100_000, 50


def race(database: Database, purse: Purse) -> int:
    """Let every thread try to hold as often as it may, and return how many holds were granted."""
    start = threading.Barrier(THREADS)

    def try_all(thread: int) -> int:
        start.wait()
        return sum(granted(database, purse, f"try_{thread}_{number}") for number in range(TRIES))

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(try_all, range(THREADS)))


def granted(database: Database, purse: Purse, attempt: str) -> bool:
    with database.write() as session:
        try:
            ledger.hold(
                session,
                account_id=purse.account_id,
                run_id=purse.run_id,
                provider="kyma",
                attempt=attempt,
                amount=PRICE,
            )
        except BudgetExceeded:
            return False
    return True


@pytest.mark.parametrize("capped", ["account_cap", "run_cap"])
def test_exactly_as_many_holds_are_granted_as_the_cap_has_room_for(database: Database, capped: str) -> None:
    purse = open_purse(database, **{capped: ROOM * PRICE + PRICE - 1})
    assert race(database, purse) == ROOM
    with database.read() as session:
        assert session.get_one(Budget, purse.account_id).held == ROOM * PRICE


def test_money_set_free_meanwhile_is_granted_again_and_never_twice(database: Database) -> None:
    purse = open_purse(database, run_cap=3 * PRICE)
    start = threading.Barrier(THREADS)

    def hold_and_end(thread: int) -> int:
        start.wait()
        spent = 0
        for number in range(10):
            attempt = f"try_{thread}_{number}"
            if granted(database, purse, attempt):
                spent += end(database, attempt, spend=(thread + number) % 5 == 0)
        return spent

    with ThreadPoolExecutor(THREADS) as threads:
        spent = sum(threads.map(hold_and_end, range(THREADS)))
    with database.read() as session:
        budget = session.get_one(Budget, purse.run_id)
    assert budget.held == 0
    assert budget.spent == spent <= 3 * PRICE


def end(database: Database, attempt: str, *, spend: bool) -> int:
    with database.write() as session:
        if spend:
            return ledger.settle(session, attempt, ledger.Payment(TransferKind.CLONE, "kyma", None, "voice_1"))
        ledger.release(session, attempt)
    return 0
