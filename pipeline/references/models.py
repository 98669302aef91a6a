"""Talents, their consent and their recordings."""

from enum import StrEnum
from typing import Any

from sqlalchemy import DDL, JSON, Double, ForeignKey, Index, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Id, Millis, Ref, Sha256, states
from pipeline.db.leases import Leased
from pipeline.ledger.models import append_only

FILENAME_LIMIT = 255
"""A longer path is kept from its end, where the file's name is."""


class Consent(Base):
    """A talent's dated, scoped, revocable permission, as it was declared; a changed one is a new row."""

    __tablename__ = "consents"
    __table_args__ = (Index("uq_consents_account_id_digest", "account_id", "digest", unique=True),)

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    digest: Mapped[Sha256]
    """SHA-256 of the whole record, so that the same declaration is stored once."""
    talent: Mapped[str] = mapped_column(String(200))
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The permission word for word: who, when, what for, until when."""
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[Millis | None]
    """Since when the talent is suspended, as the last `ConsentEvent` says: what every claim looks at."""


class ConsentAction(StrEnum):
    """What was said of a talent."""

    SUSPEND = "suspend"
    REINSTATE = "reinstate"


class ConsentEvent(Base):
    """That a talent was suspended or reinstated, by whom and why: one row, never changed and never removed.

    It is about all consents of the talent's name in the account, those included that are declared later.
    """

    __tablename__ = "consent_events"
    __table_args__ = (Index("ix_consent_events_account_id_talent_key", "account_id", "talent_key"),)

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    talent: Mapped[str] = mapped_column(String(200))
    talent_key: Mapped[str] = mapped_column(String(600))
    """The name as names are compared; folding may make it three times as long."""
    action: Mapped[ConsentAction] = mapped_column(states(ConsentAction))
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[CreatedAt]


for _dialect in ("sqlite", "postgresql"):
    for _statement in append_only(ConsentEvent.__tablename__, _dialect):
        event.listen(ConsentEvent.__table__, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]


class ReferenceState(StrEnum):
    """What is known of a recording."""

    RECEIVED = "received"
    PREPARING = "preparing"
    READY = "ready"
    REFUSED = "refused"


class Reference(Leased, Base):
    """One recording of a talent: the original as it came and its normalised form."""

    __tablename__ = "references"
    __table_args__ = (
        Index("uq_references_account_id_sha256", "account_id", "sha256", unique=True),
        Index("ix_references_state", "state", "lease_until"),
    )

    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    sha256: Mapped[Sha256]
    filename: Mapped[str] = mapped_column(String(FILENAME_LIMIT))
    object_key: Mapped[str] = mapped_column(String(300))
    state: Mapped[ReferenceState] = mapped_column(states(ReferenceState), default=ReferenceState.RECEIVED)
    attempt: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float | None] = mapped_column(Double)
    measured: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the recording and its normalised form measure: LUFS, dBTP, shares, Hz."""
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """Why it was refused: code, measured, allowed, hint."""
    normalised_key: Mapped[str | None] = mapped_column(String(300))
    normalised_mime: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[CreatedAt]
