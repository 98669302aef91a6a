"""Accounts and their API keys. A key is shown once; the database knows its hash only."""

import hashlib
import hmac
import secrets
import zlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.errors import Unauthorised
from pipeline.ledger.models import Account, ApiKey
from pipeline.ledger.service import open_budget

PREFIX = "cs"
SECRET_BYTES = 24


def create_account(session: Session, name: str, *, cap: int | None = None) -> Account:
    """Open an account; `cap` in micro-dollars bounds all it may ever spend."""
    account = Account(id=new_id("acct"), name=name)
    session.add(account)
    session.flush()
    open_budget(session, account.id, account.id, cap)
    return account


def find_account(session: Session, name: str) -> Account | None:
    """Return the account of that name."""
    return session.scalar(select(Account).where(Account.name == name))


def issue_key(session: Session, account_id: str) -> str:
    """Make an API key: `cs_<id>_<secret>_<checksum>`, so that a leaked one can be recognised."""
    row_id = secrets.token_hex(4)
    secret = secrets.token_hex(SECRET_BYTES)
    session.add(ApiKey(id=row_id, account_id=account_id, secret_sha256=_sha256(secret)))
    session.flush()
    return f"{PREFIX}_{row_id}_{secret}_{_checksum(row_id, secret)}"


def authenticate(session: Session, key: str) -> str:
    """Return the account a key speaks for; raises `Unauthorised`."""
    match key.split("_"):
        case [prefix, row_id, secret, checksum] if prefix == PREFIX and checksum == _checksum(row_id, secret):
            row = session.get(ApiKey, row_id)
            known = row is not None and row.revoked_at is None
            if row is not None and known and hmac.compare_digest(row.secret_sha256, _sha256(secret)):
                return row.account_id
    raise Unauthorised(
        "The API key is missing or unknown.",
        hint="Send `Authorization: Bearer <key>`; `callsheet up` writes a key for its own account.",
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(row_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{row_id}{secret}'.encode()):08x}"
