"""What each process of a race does: its own engine, the same start, as many tries as it may."""

from collections.abc import Callable
from multiprocessing.synchronize import Barrier

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget
from tests.integration.ledger.purses import PROVIDER, Purse

START_SECONDS = 60.0
_start: list[Barrier] = []


def prepare(start: Barrier) -> None:
    """Keep what the processes of a race start by."""
    _start.append(start)


def race(url: str, purse: Purse, racer: int, tries: int, price: int, *, naive: bool) -> int:
    """Try to hold so many times, from the same moment as all others, and return how many holds were granted."""
    database = Database(url, pool_size=1)
    attempt: Callable[[Database, Purse, str, int], bool] = _naively if naive else granted
    with database.read() as session:
        session.get_one(Budget, purse.account_id)
    _start[0].wait(START_SECONDS)
    try:
        return sum(attempt(database, purse, f"try_{racer}_{number}", price) for number in range(tries))
    finally:
        database.close()


def granted(database: Database, purse: Purse, attempt: str, price: int) -> bool:
    """Hold money for an attempt; False where a cap refuses."""
    with database.write() as session:
        try:
            ledger.hold(
                session,
                account_id=purse.account_id,
                run_id=purse.run_id,
                provider=PROVIDER,
                attempt=attempt,
                amount=price,
            )
        except BudgetExceeded:
            return False
    return True


def _naively(database: Database, purse: Purse, _attempt: str, price: int) -> bool:
    """Look whether there is room, then take it: what everybody writes first."""
    with database.read() as session:
        budget = session.get_one(Budget, purse.account_id)
        cap, held = budget.cap, budget.held
    if held + price > cap:
        return False
    with database.write() as session:
        session.get_one(Budget, purse.account_id).held = held + price
    return True
