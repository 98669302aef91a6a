"""Voices and the paid attempts that make them."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Id, Micros, Millis, Ref, Sha256, states
from pipeline.db.leases import Leased
from pipeline.voices.rules import AttemptState, VoiceKind, VoiceState


class Voice(Base):
    """What a provider made of a reference or of a description, or a system voice that everyone may use."""

    __tablename__ = "voices"
    __table_args__ = (
        Index("uq_voices_account_id_key", "account_id", "provider", "key", unique=True),
        # I2: an upstream voice of our making belongs to exactly one row.
        Index(
            "uq_voices_provider_voice_id",
            "provider",
            "provider_voice_id",
            unique=True,
            sqlite_where=text("kind <> 'system'"),
            postgresql_where=text("kind <> 'system'"),
        ),
        CheckConstraint("(state = 'ready') = (provider_voice_id IS NOT NULL)", name="ready_has_voice_id"),
        Index("ix_voices_reference_id", "reference_id"),
        Index("ix_voices_state", "state"),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    provider: Mapped[str] = mapped_column(String(24))
    key: Mapped[str] = mapped_column(String(120))
    """What the voice is made of, known before it exists: `clone:<sha256>`, `design:<sha256>`, `system:<id>`."""
    kind: Mapped[VoiceKind] = mapped_column(states(VoiceKind))
    model: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[VoiceState] = mapped_column(states(VoiceState), default=VoiceState.WANTED)
    problem: Mapped[str | None] = mapped_column(String(40))
    """The error code that keeps it from being ready."""
    message: Mapped[str | None] = mapped_column(String(500))
    label: Mapped[str] = mapped_column(String(64), default="")
    provider_voice_id: Mapped[str | None] = mapped_column(String(256))
    reference_id: Mapped[Ref | None] = mapped_column(ForeignKey("references.id"))
    consent_id: Mapped[Ref | None] = mapped_column(ForeignKey("consents.id"))
    description: Mapped[str | None] = mapped_column(Text)
    gender: Mapped[str | None] = mapped_column(String(8))
    age_group: Mapped[str | None] = mapped_column(String(16))
    run_id: Mapped[Ref | None] = mapped_column(ForeignKey("runs.id"))
    """The run that pays for it."""
    created_at: Mapped[CreatedAt]
    spoke_at: Mapped[Millis | None]
    """When it first spoke: until then the provider may delete it."""


class Attempt(Leased, Base):
    """One paid try at making a voice, from intent to outcome."""

    __tablename__ = "attempts"
    __table_args__ = (
        # I1: at most one live or succeeded attempt for a voice.
        Index(
            "uq_attempts_live",
            "account_id",
            "provider",
            "model",
            "subject",
            unique=True,
            sqlite_where=text("state NOT IN ('rejected', 'released') AND forced = 0"),
            postgresql_where=text("state NOT IN ('rejected', 'released') AND forced = 0"),
        ),
        Index(
            "uq_attempts_provider_voice_id",
            "provider",
            "provider_voice_id",
            unique=True,
        ),
        CheckConstraint("(state = 'succeeded') = (provider_voice_id IS NOT NULL)", name="succeeded_has_voice_id"),
        CheckConstraint("state <> 'sending' OR lease_until IS NOT NULL", name="sending_has_lease"),
        Index("ix_attempts_state", "state", "lease_until"),
        Index("ix_attempts_voice_id", "voice_id"),
    )

    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    voice_id: Mapped[Ref] = mapped_column(ForeignKey("voices.id"))
    kind: Mapped[VoiceKind] = mapped_column(states(VoiceKind))
    provider: Mapped[str] = mapped_column(String(24))
    model: Mapped[str] = mapped_column(String(64))
    subject: Mapped[Sha256]
    """SHA-256 of the reference or of the description."""
    forced: Mapped[int] = mapped_column(default=0)
    """Not 0 where a person has ordered one more; then it numbers the order."""
    state: Mapped[AttemptState] = mapped_column(states(AttemptState), default=AttemptState.RESERVED)
    price: Mapped[Micros]
    label: Mapped[str] = mapped_column(String(64))
    """The name sent upstream; ends in this attempt's token, by which the voice can be told."""
    not_before: Mapped[Millis] = mapped_column(default=0)
    balance_before: Mapped[Micros | None]
    provider_voice_id: Mapped[str | None] = mapped_column(String(256))
    error_kind: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(String(500))
    evidence: Mapped[str | None] = mapped_column(Text)
    """The provider's raw words on an outcome that is unclear."""
    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"))
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[Millis | None]
    settled_at: Mapped[Millis | None]
