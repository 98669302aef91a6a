"""Takes: one rendering of a line each, found by the fingerprint of everything that shapes the sound."""

from sqlalchemy import CheckConstraint, ColumnElement, Double, ForeignKey, Index, String, Text, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Micros, Millis, Ref, Sha256, states
from pipeline.db.leases import Leased
from pipeline.speech.rules import TakeKind, TakeState

IS_AUDITION = "kind = 'audition'"


class Take(Leased, Base):
    """One rendering of a line, found or made. Lines of equal fingerprint share it."""

    __tablename__ = "takes"
    __table_args__ = (
        Index("uq_takes_account_id_fingerprint", "account_id", "fingerprint", unique=True),
        # In the order takes are looked for, so that neither the window nor the next take costs more in a large run.
        Index("ix_takes_due", "state", "run_id", "provider", "priority", "id", "not_before"),
        Index("ix_takes_voice_id_state", "voice_id", "state"),
        Index("ix_takes_auditions", "voice_id", sqlite_where=text(IS_AUDITION), postgresql_where=text(IS_AUDITION)),
        CheckConstraint("state <> 'speaking' OR lease_until IS NOT NULL", name="speaking_has_lease"),
        CheckConstraint("state <> 'done' OR object_key IS NOT NULL", name="done_has_object"),
    )

    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    fingerprint: Mapped[Sha256]
    kind: Mapped[TakeKind] = mapped_column(states(TakeKind), default=TakeKind.LINE)
    voice_id: Mapped[Ref] = mapped_column(ForeignKey("voices.id"))
    consent_id: Mapped[Ref | None] = mapped_column(ForeignKey("consents.id"))
    production_name: Mapped[str] = mapped_column(String(64))
    """For which production the consent was asked."""
    language: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(String(24))
    model: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(String(24))
    speed: Mapped[float | None] = mapped_column(Double)
    estimate: Mapped[Micros]
    """The expected price of one rendering."""

    state: Mapped[TakeState] = mapped_column(states(TakeState), default=TakeState.WAITING)
    priority: Mapped[int] = mapped_column(default=1)
    """0 goes first."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Paid attempts so far."""
    claims: Mapped[int] = mapped_column(default=0)
    """How often it was taken up since a run last asked for it."""
    not_before: Mapped[Millis] = mapped_column(default=0)
    error_kind: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(String(500))
    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"))
    """The run that pays for it."""

    object_key: Mapped[str | None] = mapped_column(String(300))
    cost: Mapped[Micros] = mapped_column(default=0)
    """What all attempts at it have cost."""
    chars: Mapped[int | None]
    seconds: Mapped[float | None] = mapped_column(Double)
    size: Mapped[int | None]
    sha256: Mapped[Sha256 | None]
    content_type: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[CreatedAt]
    done_at: Mapped[Millis | None]


def is_audition() -> ColumnElement[bool]:
    """Say which takes are first words, in the letters of their index: no database looks a bound value up in it."""
    return Take.kind == literal_column("'audition'")


class Window(Base):
    """The takes on their way to a provider. Whoever fills it locks this row."""

    __tablename__ = "windows"

    provider: Mapped[str] = mapped_column(String(24), primary_key=True)
    virtual_time: Mapped[Micros] = mapped_column(default=0)
    """The turn at which the last take was sent: an account that had nothing to send starts from here."""


class Turn(Base):
    """How much of a provider an account has had: whoever had least comes next."""

    __tablename__ = "turns"

    provider: Mapped[str] = mapped_column(String(24), primary_key=True)
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    virtual_time: Mapped[Micros] = mapped_column(default=0)
    """The price of what was dispatched for it in micro-dollars, divided by its weight."""


class RunTake(Base):
    """That a run asked for a take, and why."""

    __tablename__ = "run_takes"
    __table_args__ = (Index("ix_run_takes_take_id", "take_id"),)

    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    take_id: Mapped[Ref] = mapped_column(ForeignKey("takes.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(24))
