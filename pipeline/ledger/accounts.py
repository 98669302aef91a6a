"""Accounts and their API keys. A key is shown once; the database knows its hash only."""

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.ids import new_id
from pipeline.errors import NotFound, Unauthorised
from pipeline.ledger.models import Account, ApiKey, Budget
from pipeline.ledger.service import decide, open_budget

PREFIX = "cs"
SECRET_BYTES = 24


@dataclass(frozen=True)
class Holder:
    """An account, its keys and its budget."""

    account: Account
    keys: Sequence[ApiKey]
    budget: Budget


@dataclass(frozen=True)
class Share:
    """What an account gets of a provider beside others; see `Account`."""

    weight: int
    in_flight_cap: int | None


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


def require_account(session: Session, name: str) -> Account:
    """Return the account of that name; raises `NotFound`."""
    account = find_account(session, name)
    if account is None:
        raise NotFound(f"There is no account {name}.", hint="callsheet accounts lists them; callsheet key opens one.")
    return account


def holders(session: Session) -> Sequence[Holder]:
    """Return all accounts by name, with their keys from the oldest to the newest."""
    keys = session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)).all()
    rows = session.execute(select(Account, Budget).join(Budget, Budget.owner == Account.id).order_by(Account.name))
    return [Holder(account, [key for key in keys if key.account_id == account.id], budget) for account, budget in rows]


def set_share(session: Session, account: Account, share: Share, *, actor: str, reason: str) -> None:
    """Change what an account gets of a provider, from the next take on, and record who decided it."""
    before = {"weight": account.weight, "in_flight_cap": account.in_flight_cap}
    account.weight, account.in_flight_cap = share.weight, share.in_flight_cap
    session.flush()
    detail = {"before": before, "after": asdict(share)}
    subject = f"account:{account.name}"
    decide(session, account_id=account.id, actor=actor, action="share", subject=subject, reason=reason, detail=detail)


def revoke_key(session: Session, account: Account, key: str, *, actor: str, reason: str) -> ApiKey:
    """Let a key speak for nobody any more, and record who decided it; `key` is the whole of it or its first two parts.

    What is revoked stays so, and is recorded once. Raises `NotFound` where the account has no such key.
    """
    row = session.get(ApiKey, key.removeprefix(f"{PREFIX}_").split("_")[0])
    if row is None or row.account_id != account.id:
        hint = f"callsheet accounts {account.name} lists its keys."
        raise NotFound(f"The account {account.name} has no such key.", hint=hint)
    if row.revoked_at is None:
        row.revoked_at = session.scalar(select(now_ms()))
        session.flush()
        subject = key_name(row)
        decide(session, account_id=account.id, actor=actor, action="revoke_key", subject=subject, reason=reason)
    return row


def key_name(key: ApiKey) -> str:
    """Return what a key is called by: its first two parts, which give nothing away."""
    return f"{PREFIX}_{key.id}"


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
        hint="Commands take CALLSHEET_API_KEY, programs send `Authorization: Bearer KEY`; `callsheet key` makes one.",
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(row_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{row_id}{secret}'.encode()):08x}"
