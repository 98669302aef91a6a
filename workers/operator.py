"""What only those do who have the settings of the stack: open accounts, share out, audit all, cap, record top-ups."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline import wiring
from pipeline.audit import audit
from pipeline.audit.outside import TOP_UP
from pipeline.db.clock import iso
from pipeline.db.engine import Database
from pipeline.db.migrate import is_current
from pipeline.errors import EnvironmentFault, NotFound, UsageError
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.accounts import (
    Holder,
    Share,
    create_account,
    find_account,
    holders,
    issue_key,
    key_name,
    require_account,
    revoke_key,
    set_share,
)
from pipeline.ledger.models import PriceList
from pipeline.ledger.money import UNLIMITED
from pipeline.provider.errors import ProviderError
from pipeline.settings import Settings
from workers.rows import OWN_ACCOUNT

ACCOUNT_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
LATENESS_SECONDS = 300.0
"""How long after its quiescence a doubt may take to find its end, with the slowest provider."""


class Operator:
    """Works on the stack's own database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def audit(self) -> dict[str, Any]:
        """Audit the whole database, against the provider's balance as it is now where it can be asked."""
        with self._database() as database:
            self._note_balance(database)
            with database.read() as session:
                patience = self._settings.quiescence_seconds + LATENESS_SECONDS
                return audit(session, doubt_seconds=patience).as_dict()

    def cap_provider(self, provider: str, cap: int | None, *, by: str, reason: str) -> dict[str, Any]:
        """Set the cap in micro-dollars of all accounts together at a provider; None for none."""
        with self._database() as database, database.write() as session:
            _require_known(session, provider)
            owner = ledger.provider_owner(provider)
            account = _own_account(session)
            ledger.set_cap(session, owner, cap, account_id=account, shared=True, actor=_actor(by), reason=reason)
        return {"cap_micros": cap, "reason": reason, "by": _actor(by)}

    def issue_key(self, account: str) -> str:
        """Return a new API key for an account, which is opened where there is none of that name; `UsageError`."""
        if not ACCOUNT_NAME.fullmatch(account):
            raise UsageError(
                f"{account!r} cannot be an account's name.",
                hint="Use 1 to 64 letters, digits, dots, underscores and hyphens, such as studio-a.",
            )
        with self._database() as database, database.write() as session:
            owner = find_account(session, account) or create_account(session, account)
            return issue_key(session, owner.id)

    def revoke_key(self, account: str, key: str, *, by: str, reason: str) -> dict[str, Any]:
        """Let an API key of an account, named by itself or by its first two parts, speak for nobody; `NotFound`."""
        with self._database() as database, database.write() as session:
            row = revoke_key(session, require_account(session, account), key, actor=_actor(by), reason=reason)
            return {"account": account, "key": key_name(row), "revoked_at": iso(row.revoked_at)}

    def accounts(self) -> list[dict[str, Any]]:
        """Return every account: its share of a provider, its keys without their secrets, and its money."""
        with self._database() as database, database.read() as session:
            return [_told(holder) for holder in holders(session)]

    def share(self, name: str, changes: Mapping[str, int | None], *, by: str, reason: str) -> dict[str, Any]:
        """Change `weight` or `in_flight_cap` of an account, as `Account` has them; raises `NotFound`."""
        with self._database() as database, database.write() as session:
            account = require_account(session, name)
            known: dict[str, Any] = {"weight": account.weight, "in_flight_cap": account.in_flight_cap}
            share = Share(**(known | dict(changes)))
            set_share(session, account, share, actor=_actor(by), reason=reason)
            return {"name": name, **asdict(share), "reason": reason, "by": _actor(by)}

    def top_up(self, provider: str, amount: int, *, by: str, reason: str) -> dict[str, Any]:
        """Record that micro-dollars were paid in at a provider."""
        with self._database() as database, database.write() as session:
            _require_known(session, provider)
            ledger.decide(
                session,
                account_id=_own_account(session),
                actor=_actor(by),
                action=TOP_UP,
                subject=ledger.provider_owner(provider),
                reason=reason,
                detail={"amount_micros": amount},
            )
        return {"amount_micros": amount, "reason": reason, "by": _actor(by)}

    @contextmanager
    def _database(self) -> Iterator[Database]:
        database = wiring.database(self._settings)
        try:
            # Whoever connects to a SQLite file that is not there makes one.
            is_missing = database.is_sqlite and not Path(str(database.url.database)).exists()
            if is_missing or database.ping() or not is_current(database):
                raise EnvironmentFault(
                    f"There is no database of this version at {database.url.render_as_string()}.",
                    hint="Run `callsheet up`, or set CALLSHEET_DATABASE_URL.",
                )
            yield database
        finally:
            database.close()

    def _note_balance(self, database: Database) -> None:
        with suppress(ProviderError, EnvironmentFault):  # then the audit says that it cannot compare
            provider = wiring.provider(self._settings)
            told = provider.account()
            with database.write() as session:
                provider_account.note_account(session, provider.name, told.balance_micros, told.at_ms)


def _told(holder: Holder) -> dict[str, Any]:
    account, budget = holder.account, holder.budget
    return {
        "name": account.name,
        "weight": account.weight,
        "in_flight_cap": account.in_flight_cap,
        "created_at": iso(account.created_at),
        "spent_micros": budget.spent + budget.overrun,
        "held_micros": budget.held,
        "cap_micros": None if budget.cap == UNLIMITED else budget.cap,
        "keys": [
            {"key": key_name(key), "created_at": iso(key.created_at), "revoked_at": iso(key.revoked_at)}
            for key in holder.keys
        ],
    }


def _require_known(session: Session, provider: str) -> None:
    known = session.scalars(select(PriceList.provider).order_by(PriceList.provider)).all()
    if provider not in known:
        names = ", ".join(known) or "none yet"
        raise NotFound(f"There is no provider {provider}.", hint=f"Those whose prices were read: {names}.")


def _own_account(session: Session) -> str:
    return (find_account(session, OWN_ACCOUNT) or create_account(session, OWN_ACCOUNT)).id


def _actor(by: str) -> str:
    return f"operator {by}".strip()
