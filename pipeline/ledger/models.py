"""Who pays, what is reserved and what has left: accounts, budgets, holds and transfers, in micro-dollars."""

from enum import StrEnum
from typing import Any

from sqlalchemy import DDL, JSON, CheckConstraint, ForeignKey, Index, String, event
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Id, Micros, Millis, Ref, Sha256, states


class Account(Base):
    """Who owns and pays. Nothing crosses accounts."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[CreatedAt]


class ApiKey(Base):
    """A key of an account; its secret is stored hashed and shown once."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    secret_sha256: Mapped[Sha256]
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[Millis | None]


class Budget(Base):
    """A cap on what may be spent for one owner: an account or a run.

    No cap at all is a row with `cap` at the largest value, so that one statement serves both.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("spent >= 0 AND held >= 0 AND overrun >= 0", name="not_negative"),
        CheckConstraint("spent + held <= cap", name="within_cap"),
    )

    owner: Mapped[Ref] = mapped_column(primary_key=True)
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    cap: Mapped[Micros]
    spent: Mapped[Micros] = mapped_column(default=0)
    held: Mapped[Micros] = mapped_column(default=0)
    overrun: Mapped[Micros] = mapped_column(default=0)
    """What providers charged beyond the estimate where the cap had no room left for it."""


class HoldState(StrEnum):
    """A hold is open until its attempt is settled; it never lapses by time."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"


class Hold(Base):
    """Money reserved before one paid call."""

    __tablename__ = "holds"
    __table_args__ = (CheckConstraint("amount >= 0", name="not_negative"), Index("ix_holds_run_id", "run_id"))

    attempt: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The paid attempt it is for, such as `clone_01j...` or `take_01j...#2`."""
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    run_id: Mapped[Ref | None]
    amount: Mapped[Micros]
    state: Mapped[HoldState] = mapped_column(states(HoldState), default=HoldState.OPEN)
    created_at: Mapped[CreatedAt]


class TransferKind(StrEnum):
    """What money left the account for."""

    CLONE = "clone"
    DESIGN = "design"
    SPEECH = "speech"


class Transfer(Base):
    """Money that left the account: one row, debit and credit in one, never changed and never removed."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="positive"),
        Index("uq_transfers_kind_attempt", "kind", "attempt", unique=True),
        Index("ix_transfers_account_id_id", "account_id", "id"),
        Index("ix_transfers_run_id", "run_id"),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[TransferKind] = mapped_column(states(TransferKind))
    attempt: Mapped[str] = mapped_column(String(64))
    debit: Mapped[Ref]
    """The account that pays."""
    credit: Mapped[str] = mapped_column(String(40))
    """The provider that is paid."""
    amount: Mapped[Micros]
    estimate: Mapped[Micros]
    """What was held for it."""
    source: Mapped[str] = mapped_column(String(8))
    """`provider` where the answer named the amount, `estimate` where it did not."""
    run_id: Mapped[Ref | None]
    subject: Mapped[Ref | None]
    """The voice or the take that was paid for."""
    chars: Mapped[int | None]
    created_at: Mapped[CreatedAt]


class PriceList(Base):
    """What a provider was last known to charge; plans read it, so that planning calls nobody."""

    __tablename__ = "price_lists"

    provider: Mapped[str] = mapped_column(String(24), primary_key=True)
    prices: Mapped[dict[str, Any]] = mapped_column(JSON)
    read_at: Mapped[Millis]


_SQLITE_REFUSAL = """
CREATE TRIGGER transfers_refuse_{verb} BEFORE {verb} ON transfers
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE TRIGGER transfers_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
"""
APPEND_ONLY = {
    "sqlite": [_SQLITE_REFUSAL.format(verb=verb) for verb in ("UPDATE", "DELETE")],
    "postgresql": [_POSTGRESQL_FUNCTION, _POSTGRESQL_TRIGGER],
}
"""Statements that make the transfers append-only, by database; the migrations run the same ones."""

for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(Transfer.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
