"""Our account with a provider: one row that all workers see, with its balance, its clock and its breaker.

While the breaker is open no call is made and nothing fails: what is wanted waits. It is closed again by a reading
of the balance, which costs nothing; where a provider tells no balance, by one call that is let through.
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, Update, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.leases import rowcount
from pipeline.errors import CallsheetError, ProviderFailing, ProviderFundsMissing, ProviderKeyRefused
from pipeline.ledger.models import Budget, ProviderAccount
from pipeline.ledger.service import provider_owner
from pipeline.provider.errors import MESSAGE_LIMIT, AccountBlocked

FAILURES_TO_BLOCK = 5
"""Failed calls in a row that show a provider to be away, and not a request to be wrong."""
PAYMENT_REQUIRED = 402
HALF_OPEN = 0
"""`probe_at` of a blocked account whose next call decides."""


class Block(StrEnum):
    """Why no call is made."""

    FUNDS = ProviderFundsMissing.code
    """The account has too little money for the next call."""
    KEY = ProviderKeyRefused.code
    """The provider does not accept the key, or what it is used for."""
    FAILING = ProviderFailing.code
    """The provider fails, or cannot be reached."""

    @classmethod
    def of(cls, error: AccountBlocked) -> "Block":
        """Tell a lack of money from a refused key; money is HTTP's 402 whatever the provider calls it."""
        return cls.FUNDS if error.http_status == PAYMENT_REQUIRED else cls.KEY


PROBE_MS = {Block.FUNDS: 5_000, Block.KEY: 5_000, Block.FAILING: 2_000}
"""How long the account is left alone before it is looked at, or tried, again."""


def _is_open() -> ColumnElement[bool]:
    return ProviderAccount.blocked_at.is_not(None)


def _is_shut() -> ColumnElement[bool]:
    return _is_open() & (ProviderAccount.probe_at != HALF_OPEN)


# Asked for each group of calls: prepared once, and past the session.
_MINE = ProviderAccount.provider == bindparam("of")
_SHUT = select(ProviderAccount.provider).where(_MINE, _is_shut())
_KIND = select(ProviderAccount.blocked_kind).where(_MINE, _is_open())
# A call sent before the account was refused proves nothing about money, unless there is no balance to ask for.
_PROVEN = (ProviderAccount.blocked_kind == Block.FAILING) | ProviderAccount.balance.is_(None)
_ODD = select(_is_open() & _PROVEN).where(_MINE, (ProviderAccount.failures > 0) | (_is_open() & _PROVEN))


def block(session: Session, provider: str, *, kind: Block, message: str, needs: int) -> None:
    """Let no call be made any more; `needs` in micro-dollars is the price of the call that was refused."""
    _open_row(session, provider)
    least = case((ProviderAccount.needs > needs, ProviderAccount.needs), else_=needs)
    session.execute(
        _row(provider).values(
            blocked_at=func.coalesce(ProviderAccount.blocked_at, now_ms()),
            blocked_kind=kind,
            blocked_message=message[:MESSAGE_LIMIT],
            needs=case((ProviderAccount.blocked_at.is_(None), needs), else_=least),
            probe_at=now_ms() + PROBE_MS[kind],
        )
    )


def unblock(session: Session, provider: str) -> None:
    """Let calls be made again."""
    closing = _row(provider).where(ProviderAccount.blocked_at.is_not(None))
    session.execute(closing.values(blocked_at=None, blocked_kind=None, blocked_message=None, needs=0, failures=0))


def is_blocked(session: Session, provider: str) -> bool:
    """Tell whether no call may be made; False too where one may, to see whether the block is over."""
    return session.connection().scalar(_SHUT, {"of": provider}) is not None


def enter(session: Session, provider: str, calls: int = 1) -> int:
    """Return how many of some calls pass the breaker: all while it is closed, one while it is half open, else none."""
    kind = session.connection().scalar(_KIND, {"of": provider})
    if kind is None:
        return calls
    trying = _row(provider).where(_is_open(), ProviderAccount.probe_at == HALF_OPEN)
    return rowcount(session, trying.values(probe_at=now_ms() + PROBE_MS[Block(kind)]))


def fault(session: Session, provider: str) -> CallsheetError | None:
    """Say what holds the calls to a provider up and what to do about it; None where nothing does."""
    row = session.get(ProviderAccount, provider, populate_existing=True)
    if row is None or row.blocked_kind is None:
        return None
    said = (row.blocked_message or "").rstrip(".")
    match Block(row.blocked_kind):
        case Block.FUNDS:
            told = f"{provider} refuses the account ({said}): top it up; it goes on by itself."
            return ProviderFundsMissing(told, hint=f"Top up the account at {provider}.", needed=row.needs)
        case Block.KEY:
            told = f"{provider} refuses the account ({said}): see to its key and its rights; it goes on by itself."
            return ProviderKeyRefused(told, hint=f"Check the key of the account at {provider}, and what it may do.")
        case Block.FAILING:
            told = f"{provider} does not answer as it should ({said}); it is asked again and goes on by itself."
            return ProviderFailing(told, hint="Nothing needs to be done.")


def note_failure(session: Session, provider: str, message: str) -> None:
    """Count a call that failed on the provider's side; several in a row open the breaker."""
    _open_row(session, provider)
    counting = _row(provider).values(failures=ProviderAccount.failures + 1).returning(ProviderAccount.failures)
    failures = session.scalar(counting.execution_options(synchronize_session=False)) or 0
    if failures >= FAILURES_TO_BLOCK and not _is_refused(session, provider):
        block(session, provider, kind=Block.FAILING, message=message, needs=0)


def note_success(session: Session, provider: str) -> None:
    """Note that the provider has answered as it should; writes only where something is to be reset."""
    row = session.connection().execute(_ODD, {"of": provider}).one_or_none()
    if row is None:
        return
    session.execute(_row(provider).where(ProviderAccount.failures > 0).values(failures=0))
    if row[0]:
        unblock(session, provider)


def note_account(session: Session, provider: str, balance_micros: int | None, at_ms: int | None) -> None:
    """Note what the provider says of our account, and close the breaker where that allows it.

    `at_ms` is the provider's clock; None where it does not tell the time.
    """
    _open_row(session, provider)
    values: dict[str, object] = {"read_at": now_ms()}
    if at_ms is not None:
        values["clock_offset_ms"] = at_ms - now_ms()
    if balance_micros is not None:
        values["balance"] = balance_micros
        _note_opening(session, provider, balance_micros)
    session.execute(_row(provider).values(**values))
    if balance_micros is not None:
        _close_where_possible(session, provider, balance_micros)


def provider_now(session: Session, provider: str) -> int:
    """Return the provider's time in milliseconds since 1970, as far as it is known."""
    offset = select(ProviderAccount.clock_offset_ms).where(ProviderAccount.provider == provider).scalar_subquery()
    return session.scalar(select(now_ms() + func.coalesce(offset, 0))) or 0


def claim_probe(session: Session, provider: str) -> bool:
    """Take on looking whether a block is over; True for one of several who ask, and only when it is time."""
    row = session.get(ProviderAccount, provider, populate_existing=True)
    if row is None or row.blocked_at is None:
        return False
    due = _row(provider).where(_is_shut(), ProviderAccount.probe_at <= now_ms())
    return rowcount(session, due.values(probe_at=now_ms() + PROBE_MS[Block(row.blocked_kind or "")])) == 1


def half_open(session: Session, provider: str) -> None:
    """Let one call through to see whether the block is over, for a provider that tells no balance."""
    session.execute(_row(provider).where(ProviderAccount.blocked_at.is_not(None)).values(probe_at=HALF_OPEN))


def _open_row(session: Session, provider: str) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(insert(ProviderAccount).values(provider=provider).on_conflict_do_nothing())


def _row(provider: str) -> Update:
    return update(ProviderAccount).where(ProviderAccount.provider == provider)


def _is_refused(session: Session, provider: str) -> bool:
    refused = ProviderAccount.blocked_kind.in_((Block.FUNDS, Block.KEY))
    return (
        session.scalar(select(ProviderAccount.provider).where(ProviderAccount.provider == provider, refused))
        is not None
    )


def _note_opening(session: Session, provider: str, balance_micros: int) -> None:
    committed = select(Budget.spent + Budget.overrun + Budget.held).where(Budget.owner == provider_owner(provider))
    first = _row(provider).where(ProviderAccount.opening_balance.is_(None))
    session.execute(
        first.values(opening_balance=balance_micros, opening_committed=func.coalesce(committed.scalar_subquery(), 0))
    )


def _close_where_possible(session: Session, provider: str, balance_micros: int) -> None:
    row = session.get_one(ProviderAccount, provider, populate_existing=True)
    kind = row.blocked_kind
    if kind is None or (kind == Block.FUNDS and balance_micros < row.needs):
        return
    unblock(session, provider)
    if kind == Block.FAILING:
        # It can be read, which does not prove that it speaks: the next call that fails opens the breaker again.
        session.execute(_row(provider).values(failures=FAILURES_TO_BLOCK - 1))
