"""Who pays, what is reserved and what has left: accounts, budgets, holds and transfers, in micro-dollars."""

from enum import StrEnum
from typing import Any

from sqlalchemy import DDL, JSON, CheckConstraint, ColumnElement, ForeignKey, Index, String, Text, case, event
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Id, Micros, Millis, Ref, Sha256, states


class Account(Base):
    """Who owns and pays. Nothing crosses accounts."""

    __tablename__ = "accounts"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(64), unique=True)
    weight: Mapped[int] = mapped_column(default=1)
    """Its share of a provider beside other accounts: one of weight 2 gets twice as much as one of weight 1."""
    in_flight_cap: Mapped[int | None]
    """How many of its takes may be under way at once; None where only the provider's limits bound it."""
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
    """A cap on what may be spent for one owner: a provider's account, an account of ours, a production or a run.

    No cap at all is a row with `cap` at the largest value, so that one statement serves both.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("spent >= 0 AND held >= 0 AND overrun >= 0 AND estimated >= 0", name="not_negative"),
        CheckConstraint("spent + held <= cap", name="within_cap"),
    )

    owner: Mapped[Ref] = mapped_column(primary_key=True)
    account_id: Mapped[Ref | None] = mapped_column(ForeignKey("accounts.id"))
    """Whose budget it is; None where it bounds all accounts together."""
    cap: Mapped[Micros]
    spent: Mapped[Micros] = mapped_column(default=0)
    held: Mapped[Micros] = mapped_column(default=0)
    estimated: Mapped[Micros] = mapped_column(default=0)
    """The part of `spent` and `overrun` that the provider has not confirmed."""
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
    provider: Mapped[str] = mapped_column(String(24))
    production_id: Mapped[Ref | None]
    run_id: Mapped[Ref | None]
    amount: Mapped[Micros]
    state: Mapped[HoldState] = mapped_column(states(HoldState), default=HoldState.OPEN)
    created_at: Mapped[CreatedAt]


class TransferKind(StrEnum):
    """What money left the account for."""

    CLONE = "clone"
    DESIGN = "design"
    SPEECH = "speech"
    LOSS = "loss"
    """Paid, and nothing usable came of it."""
    REFUND = "refund"
    """Came back from the provider; names the transfer it reverses."""


class Transfer(Base):
    """Money that left the account: one row, debit and credit in one, never changed and never removed."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="positive"),
        Index("uq_transfers_kind_attempt", "kind", "attempt", unique=True),
        Index("ix_transfers_account_id_id", "account_id", "id"),
        Index("ix_transfers_run_id", "run_id"),
        Index("ix_transfers_account_id_subject", "account_id", "subject"),
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
    production_id: Mapped[Ref | None]
    run_id: Mapped[Ref | None]
    reverses: Mapped[Ref | None]
    """The transfer that a refund takes back, whole or in part."""
    subject: Mapped[Ref | None]
    """The voice or the take that was paid for."""
    chars: Mapped[int | None]
    created_at: Mapped[CreatedAt]


def signed_amount() -> ColumnElement[int]:
    """Return what a transfer adds to what was spent: a refund takes away."""
    return case((Transfer.kind == TransferKind.REFUND, -Transfer.amount), else_=Transfer.amount)


class ProviderAccount(Base):
    """Our account with a provider, as all workers see it: its balance, its clock, and whether it is blocked."""

    __tablename__ = "provider_accounts"

    provider: Mapped[str] = mapped_column(String(24), primary_key=True)
    opened_at: Mapped[CreatedAt]
    opening_balance: Mapped[Micros | None]
    """The first balance ever read, against which the books are audited; None where the provider tells none."""
    opening_committed: Mapped[Micros] = mapped_column(default=0)
    """What was spent or held when that balance was read."""
    balance: Mapped[Micros | None]
    read_at: Mapped[Millis | None]
    clock_offset_ms: Mapped[Millis] = mapped_column(default=0)
    """How far the provider's clock is ahead of the database's."""
    blocked_at: Mapped[Millis | None]
    """Since when no call is made, because all would be refused; None while calls are made."""
    blocked_kind: Mapped[str | None] = mapped_column(String(40))
    blocked_message: Mapped[str | None] = mapped_column(String(500))
    needs: Mapped[Micros] = mapped_column(default=0)
    """The balance without which the refused call would be refused again."""
    probe_at: Mapped[Millis] = mapped_column(default=0)
    """When the balance is asked for next, to see whether the block is over."""
    failures: Mapped[int] = mapped_column(default=0)
    """Calls that have failed on the provider's side in a row."""


class Decision(Base):
    """What a person has decided about money, and why: one row, never changed, chained by hashes."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_account_id_id", "account_id", "id"),
        # No two decisions follow the same one: the chain has no fork.
        Index("uq_decisions_account_id_previous", "account_id", "previous", unique=True),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    actor: Mapped[str] = mapped_column(String(120))
    """Who decided: the API key's id and the name given with it."""
    action: Mapped[str] = mapped_column(String(24))
    subject: Mapped[Ref]
    """The attempt, orphan, transfer or budget it is about."""
    reason: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[CreatedAt]
    previous: Mapped[Sha256]
    """The hash of the account's decision before this one; 64 zeros at the first."""
    hash: Mapped[Sha256]


class PriceList(Base):
    """What a provider was last known to charge; plans read it, so that planning calls nobody."""

    __tablename__ = "price_lists"

    provider: Mapped[str] = mapped_column(String(24), primary_key=True)
    prices: Mapped[dict[str, Any]] = mapped_column(JSON)
    read_at: Mapped[Millis]


_SQLITE_REFUSAL = """
CREATE TRIGGER {table}_refuse_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()
"""


def append_only(table: str, dialect: str) -> list[str]:
    """Return the statements that make a table append-only; the migrations run the same ones."""
    if dialect == "sqlite":
        return [_SQLITE_REFUSAL.format(table=table, verb=verb) for verb in ("UPDATE", "DELETE")]
    return [_POSTGRESQL_FUNCTION, _POSTGRESQL_TRIGGER.format(table=table)]


def append_only_triggers(table: str, dialect: str) -> list[str]:
    """Return the names of the triggers that make a table append-only."""
    verbs = ("UPDATE", "DELETE") if dialect == "sqlite" else ("change",)
    return [f"{table}_refuse_{verb}" for verb in verbs]


for _kept in (Transfer.__table__, Decision.__table__):
    for _dialect in ("sqlite", "postgresql"):
        for _statement in append_only(str(_kept.name), _dialect):  # type: ignore[attr-defined]
            event.listen(_kept, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
