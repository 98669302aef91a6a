"""An account and a run, each with its cap."""

from dataclasses import dataclass

from pipeline.db.engine import Database
from tests.support import factories

PROVIDER = "kyma"


@dataclass(frozen=True)
class Purse:
    """Who pays."""

    account_id: str
    run_id: str


def open_purse(database: Database, *, account_cap: int | None = None, run_cap: int | None = None) -> Purse:
    """Open an account with a run; caps in micro-dollars."""
    with database.write() as session:
        owner = factories.account(session, cap=account_cap)
        return Purse(owner.id, factories.run(session, owner, cap=run_cap).id)
