"""What the local stack writes into the database by itself: its own account's key, and the end of a dead worker."""

import socket
import time

from sqlalchemy.exc import OperationalError

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.ledger.accounts import create_account, find_account, issue_key
from pipeline.settings import Settings

OWN_ACCOUNT = "local"
"""The account of whoever runs the local stack."""
AWAY_SECONDS = 300.0
"""How long a death that was seen waits for the database."""
RETURN_SECONDS = 0.5


def own_key(settings: Settings) -> str:
    """Return a new API key for the local account, which is opened where there is none."""
    database = Database(settings.sqlalchemy_url)
    with database.write() as session:
        account = find_account(session, OWN_ACCOUNT) or create_account(session, OWN_ACCOUNT)
        key = issue_key(session, account.id)
    database.close()
    return key


def bury_worker(settings: Settings, pid: int) -> None:
    """End the claims of a worker that was seen to die; a database that is away is waited for.

    Nobody else knows of the death: without it a clone that was being sent stays in doubt for the whole quiescence.
    Raises `OperationalError` where the database stays away.
    """
    database = Database(settings.sqlalchemy_url)
    deadline = time.monotonic() + AWAY_SECONDS
    while not _bury(database, pid, is_last=time.monotonic() > deadline):
        time.sleep(RETURN_SECONDS)
    database.close()


def _bury(database: Database, pid: int, *, is_last: bool) -> bool:
    try:
        with database.write() as session:
            leases.bury(session, host=socket.gethostname(), pid=pid)
    except OperationalError:
        if is_last:
            raise
        return False
    return True
