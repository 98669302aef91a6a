"""Voices and the paid attempts that make them."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Id, Micros, Millis, Ref, Sha256, states
from pipeline.db.leases import Leased
from pipeline.voices.rules import AttemptState, OrphanState, VoiceKind, VoiceState

IS_LIVE = "state NOT IN ('rejected', 'released', 'written_off')"
IS_ALONE = "exclusive = 1 AND state IN ('sending', 'ambiguous')"


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
    lapses_at: Mapped[Millis | None]
    """When the provider deletes it unless it has spoken, by the provider's own clock."""


class Attempt(Leased, Base):
    """One paid try at making a voice, from intent to outcome."""

    __tablename__ = "attempts"
    __table_args__ = (
        # I1: at most one live or succeeded attempt for a voice, and one for each that a person has ordered anew.
        Index(
            "uq_attempts_live",
            "account_id",
            "provider",
            "model",
            "subject",
            "forced",
            unique=True,
            sqlite_where=text(IS_LIVE),
            postgresql_where=text(IS_LIVE),
        ),
        # Where the balance is the evidence, two attempts of unknown outcome could not be told apart.
        Index(
            "uq_attempts_in_the_making",
            "provider",
            unique=True,
            sqlite_where=text(IS_ALONE),
            postgresql_where=text(IS_ALONE),
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
    """Not 0 where a voice that was made and is gone is made once more on a person's order; then its generation."""
    state: Mapped[AttemptState] = mapped_column(states(AttemptState), default=AttemptState.RESERVED)
    price: Mapped[Micros]
    label: Mapped[str] = mapped_column(String(64))
    """The name sent upstream; ends in this attempt's token, by which the voice can be told."""
    generation: Mapped[int] = mapped_column(default=1)
    """Counts the attempts at this voice: an id the provider has deleted can never be asked for again."""
    chosen_id: Mapped[str | None] = mapped_column(String(256))
    """The voice id that was asked for; a provider that chooses ids itself ignores it."""
    exclusive: Mapped[int] = mapped_column(default=0)
    """1 where no other attempt may be under way with this provider, because the balance is the evidence."""
    not_before: Mapped[Millis] = mapped_column(default=0)
    balance_before: Mapped[Micros | None]
    """The provider account's balance, read before the request was sent."""
    spent_before: Mapped[Micros | None]
    """What all calls to the provider had come to just before that: the least that balance had paid for."""
    estimated_before: Mapped[Micros | None]
    """The part of it that the provider had not confirmed."""
    committed_before: Mapped[Micros | None]
    """What was spent or held for other calls just after that: the most that balance had paid for."""
    provider_voice_id: Mapped[str | None] = mapped_column(String(256))
    error_kind: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(String(500))
    evidence: Mapped[str | None] = mapped_column(Text)
    """The provider's raw words on an outcome that is unclear."""
    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"))
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[Millis | None]
    doubted_at: Mapped[Millis | None]
    """Since when its outcome is unknown."""
    sender_ended: Mapped[int] = mapped_column(default=0)
    """1 where its sender is known to be over, so that nothing of it can still be sent."""
    checks: Mapped[int] = mapped_column(default=0)
    """How often evidence of its outcome was looked for."""
    verdict: Mapped[str | None] = mapped_column(String(40))
    """Why it waits for a person: `charged_voice_lost` or `unknown`."""
    settled_at: Mapped[Millis | None]


class Orphan(Base):
    """A voice whose answer came too late for its attempt: it was paid for and belongs to no voice of ours yet."""

    __tablename__ = "orphans"
    __table_args__ = (
        Index("uq_orphans_provider_voice_id", "provider", "provider_voice_id", unique=True),
        Index("ix_orphans_account_id_state", "account_id", "state"),
    )

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    voice_id: Mapped[Ref] = mapped_column(ForeignKey("voices.id"))
    attempt_id: Mapped[Ref]
    provider: Mapped[str] = mapped_column(String(24))
    provider_voice_id: Mapped[str] = mapped_column(String(256))
    state: Mapped[OrphanState] = mapped_column(states(OrphanState), default=OrphanState.OPEN)
    cost: Mapped[Micros]
    """What it has cost: booked as a loss when it was found."""
    raw: Mapped[str] = mapped_column(Text)
    """The provider's answer as received."""
    found_at: Mapped[CreatedAt]
    settled_at: Mapped[Millis | None]
