"""What a producer has declared, and each run of it."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, func, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Fingerprint, Id, Micros, Millis, Ref, Sha256, states
from pipeline.db.hashes import FINGERPRINT_BEGINS

IS_REJECTED = "verdict = 'rejected'"


class Production(Base):
    """A game or a show: cast, sheet and settings; the unit that is planned."""

    __tablename__ = "productions"
    __table_args__ = (Index("uq_productions_account_id_name", "account_id", "name", unique=True),)

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    retakes: Mapped[int | None]
    """How many more takes a line may have in a run, where they are bad; None where none is listened to."""


class Line(Base):
    """A stable id and its current text; the fingerprint leads to the take that speaks it."""

    __tablename__ = "lines"
    __table_args__ = (
        Index("ix_lines_production_id_position", "production_id", "position"),
        Index("ix_lines_fingerprint", text(FINGERPRINT_BEGINS)),
    )

    production_id: Mapped[Ref] = mapped_column(ForeignKey("productions.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int]
    character: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text, default="")
    extras: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Columns of the sheet that are not ours; they come back in every output."""
    fingerprint: Mapped[Fingerprint]
    """That of the take that was chosen for it."""
    sound: Mapped[Sha256 | None]
    """The fingerprint that the sheet asks for, where another take was chosen for it."""
    voice_key: Mapped[str] = mapped_column(String(120))
    """Which voice the character had when the line was last applied."""
    locked_at: Mapped[Millis | None]
    """Since when no plan changes it; one that has left the sheet meanwhile is at `OFF_SHEET`."""
    locked_by: Mapped[str | None] = mapped_column(String(120))


OFF_SHEET = -1
"""The position of a locked line that is not on the sheet: it keeps its lock, and nothing lists or delivers it."""


def asked_sound() -> ColumnElement[str]:
    """Return the fingerprint that the sheet asks for, whichever take was chosen for the line."""
    return func.coalesce(Line.sound, Line.fingerprint)


class Verdict(StrEnum):
    """What a person thinks of a take."""

    APPROVED = "approved"
    REJECTED = "rejected"


class LineTake(Base):
    """A take in the history of a line, which outlives its text and its place on the sheet.

    The chosen take may be missing here: it comes after the others until something is said of it or another follows.
    """

    __tablename__ = "line_takes"
    __table_args__ = (
        Index("ix_line_takes_fingerprint", "fingerprint"),
        Index(
            "ix_line_takes_rejected",
            "production_id",
            "line_id",
            sqlite_where=text(IS_REJECTED),
            postgresql_where=text(IS_REJECTED),
        ),
    )

    production_id: Mapped[Ref] = mapped_column(ForeignKey("productions.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, as they were made for the line."""
    fingerprint: Mapped[Sha256]
    direction: Mapped[str] = mapped_column(Text, default="")
    chosen_at: Mapped[Millis | None]
    """As of when it is, or was, the line's choice: when a person chose it, or asked for it to be made."""
    verdict: Mapped[Verdict | None] = mapped_column(states(Verdict))
    note: Mapped[str] = mapped_column(Text, default="")
    decided_by: Mapped[str | None] = mapped_column(String(120))
    decided_at: Mapped[Millis | None]


def is_rejected() -> ColumnElement[bool]:
    """Say which takes were rejected, in the letters of their index: no database looks a bound value up in it."""
    return LineTake.verdict == literal_column("'rejected'")


class RunState(StrEnum):
    """A run is open while anything of it can still move."""

    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    STOPPED = "stopped"
    """Money or the provider account stopped it; what was made is kept."""


class Run(Base):
    """One apply of one plan; the batch whose speech jobs fan out."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_account_id_id", "account_id", "id"), Index("ix_runs_state", "state"))

    id: Mapped[Id]
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    production_id: Mapped[Ref] = mapped_column(ForeignKey("productions.id"))
    state: Mapped[RunState] = mapped_column(states(RunState), default=RunState.RUNNING)
    reason: Mapped[str | None] = mapped_column(String(40))
    """The error code that stopped it."""
    plan_digest: Mapped[Sha256]
    estimate: Mapped[Micros]
    created_at: Mapped[CreatedAt]
    wasted: Mapped[int] = mapped_column(default=0)
    """Paid calls that brought nothing that could be kept."""
    closed_at: Mapped[Millis | None]
    paused_at: Mapped[Millis | None]
    """Since when a person lets it start nothing more until it is resumed."""
    stopping_at: Mapped[Millis | None]
    """When some of what it had not begun was last given up; the rest follows."""
    resumed_at: Mapped[Millis | None]
    """When it was last resumed: its pace is measured from then on."""
    streak: Mapped[int] = mapped_column(default=0)
    """How many takes in a row have failed for the same reason."""
    streak_cause: Mapped[str | None] = mapped_column(String(40))
    streak_message: Mapped[str | None] = mapped_column(String(500))
    """What was said of the last of them."""
    retakes: Mapped[int | None]
    """As its production had it when it began."""
    retaken: Mapped[Micros] = mapped_column(default=0)
    """What all takes that the quality gate has asked for were expected to cost."""
    heard_good: Mapped[int] = mapped_column(default=0)
    """How many of its takes the quality gate has found good."""
    heard_bad: Mapped[int] = mapped_column(default=0)
    heard_unchecked: Mapped[int] = mapped_column(default=0)
