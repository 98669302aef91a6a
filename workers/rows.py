"""What the local stack writes into the database by itself: its own account's key, and the end of a dead worker."""

import socket

from pipeline.db import leases
from pipeline.db.engine import Database
from pipeline.ledger.accounts import create_account, find_account, issue_key
from pipeline.settings import Settings

OWN_ACCOUNT = "local"
"""The account of whoever runs the local stack."""


def own_key(settings: Settings) -> str:
    """Return a new API key for the local account, which is opened where there is none."""
    database = Database(settings.sqlalchemy_url)
    with database.write() as session:
        account = find_account(session, OWN_ACCOUNT) or create_account(session, OWN_ACCOUNT)
        key = issue_key(session, account.id)
    database.close()
    return key


def bury_worker(settings: Settings, pid: int) -> None:
    """End the claims of a worker that was seen to die."""
    database = Database(settings.sqlalchemy_url)
    with database.write() as session:
        leases.bury(session, host=socket.gethostname(), pid=pid)
    database.close()
