"""Takes: one rendering of a line each, found by the fingerprint of everything that shapes the sound."""

from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    event,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.db.base import Base, CreatedAt, Fingerprint, Micros, Millis, Ref, Sha256, states
from pipeline.db.hashes import FINGERPRINT_BEGINS
from pipeline.db.leases import Leased
from pipeline.delivery import Delivery
from pipeline.quality import Outcome
from pipeline.speech.rules import REDO_PRIORITY, HearingState, TakeKind, TakeState

IS_BAD = "state IN ('failed', 'blocked')"
IS_DONE = "done_at IS NOT NULL"
IS_UNHEARD = "hearing IS NOT NULL"
IS_REFUSED = "outcome = 'bad'"

IS_AUDITION = "kind = 'audition'"


class Take(Leased, Base):
    """One rendering of a line, found or made. Lines of equal fingerprint share it."""

    __tablename__ = "takes"
    __table_args__ = (
        Index("uq_takes_account_id_fingerprint", "account_id", text(FINGERPRINT_BEGINS), unique=True),
        # In the order takes are looked for, so that neither the window nor the next take costs more in a large run.
        Index("ix_takes_due", "state", "run_id", "provider", "priority", "id", "not_before"),
        Index("ix_takes_voice_id_state", "voice_id", "state"),
        Index("ix_takes_auditions", "voice_id", sqlite_where=text(IS_AUDITION), postgresql_where=text(IS_AUDITION)),
        Index("ix_takes_bad", "run_id", "error_kind", sqlite_where=text(IS_BAD), postgresql_where=text(IS_BAD)),
        Index("ix_takes_done_at", "run_id", "done_at", sqlite_where=text(IS_DONE), postgresql_where=text(IS_DONE)),
        Index(
            "ix_takes_hearing",
            "hearing",
            "run_id",
            "id",
            sqlite_where=text(IS_UNHEARD),
            postgresql_where=text(IS_UNHEARD),
        ),
        Index(
            "ix_takes_refused",
            "account_id",
            "fingerprint",
            sqlite_where=text(IS_REFUSED),
            postgresql_where=text(IS_REFUSED),
        ),
        CheckConstraint("state <> 'speaking' OR lease_until IS NOT NULL", name="speaking_has_lease"),
        CheckConstraint("state <> 'done' OR object_key IS NOT NULL", name="done_has_object"),
    )

    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    fingerprint: Mapped[Fingerprint]
    alternative_of: Mapped[Sha256 | None]
    """The fingerprint of its sound, of which it is one more rendering that a person asked for."""
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
    pitch: Mapped[int | None]
    """Semitones."""
    volume: Mapped[float | None] = mapped_column(Double)
    emotion: Mapped[str | None] = mapped_column(String(40))
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

    hearing: Mapped[HearingState | None] = mapped_column(states(HearingState, checked=False))
    """Set while the quality gate has yet to hear it; the lease is the listener's then."""
    hearings: Mapped[int | None]
    """How often a listener has taken it up."""
    outcome: Mapped[Outcome | None] = mapped_column(states(Outcome, checked=False))
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What the quality gate has found, without what passed; see `service.verdicts`."""
    heard_at: Mapped[Millis | None]

    @property
    def is_redo(self) -> bool:
        """Whether the quality gate has asked for it, and no person."""
        return self.alternative_of is not None and self.priority == REDO_PRIORITY

    @property
    def delivery(self) -> Delivery:
        """How it is spoken."""
        return Delivery(self.speed, self.pitch, self.volume, self.emotion)


def is_audition() -> ColumnElement[bool]:
    """Say which takes are first words, in the letters of their index: no database looks a bound value up in it."""
    return Take.kind == literal_column("'audition'")


def is_refused() -> ColumnElement[bool]:
    """Say which takes the quality gate has found bad, in the letters of their index."""
    return Take.outcome == literal_column("'bad'")


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
    # By its key alone: SQLite would keep the rows, and beside them an index that says them all again.
    __table_args__ = (Index("ix_run_takes_take_id", "take_id"), {"sqlite_with_rowid": False})

    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    take_id: Mapped[Ref] = mapped_column(ForeignKey("takes.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(24))
    cancelled_at: Mapped[Millis | None]
    """Since when the run no longer wants it, because a person has cancelled its line."""


class RunVoice(Base):
    """That a run asked for takes of a voice."""

    __tablename__ = "run_voices"
    __table_args__ = (Index("ix_run_voices_voice_id", "voice_id"),)

    run_id: Mapped[Ref] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    voice_id: Mapped[Ref] = mapped_column(ForeignKey("voices.id"), primary_key=True)


class Tally(Base):
    """How many of a run's takes stand the same way, as triggers count them; `TallyChange` holds what is to be added."""

    __tablename__ = "tallies"

    run_id: Mapped[Ref] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(24), primary_key=True)
    """`open`, or one of the final states."""
    cause: Mapped[str] = mapped_column(String(40), primary_key=True)
    """Why, of those that failed or are blocked; else empty."""
    takes: Mapped[int] = mapped_column(BigInteger)


class TallyChange(Base):
    """What is still to be added to a tally: rows that nobody waits for, where several may write at once."""

    __tablename__ = "tally_changes"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    run_id: Mapped[Ref]
    state: Mapped[str] = mapped_column(String(24))
    cause: Mapped[str] = mapped_column(String(40))
    takes: Mapped[int]


_FINAL = "('done', 'failed', 'blocked')"


def standing(row: str) -> tuple[str, str]:
    """Return SQL for the state and for the cause under which a row of `takes` is tallied."""
    return (
        f"CASE WHEN {row}.state IN {_FINAL} THEN {row}.state ELSE 'open' END",
        f"CASE WHEN {row}.state IN ('failed', 'blocked') THEN COALESCE({row}.error_kind, '') ELSE '' END",
    )


def _as_columns(row: str) -> str:
    return ", ".join(standing(row))


_CHANGE = "(run_id, state, cause, takes)"
_ENDS = f"WHEN (OLD.state IN {_FINAL} OR NEW.state IN {_FINAL})"
_MOVED = "SELECT run_id, {standing}, {takes} FROM run_takes WHERE take_id = {row}.id"
_LEFT = _MOVED.format(standing=_as_columns("OLD"), takes=-1, row="OLD")
_CAME = _MOVED.format(standing=_as_columns("NEW"), takes=1, row="NEW")

# SQLite has one writer: nobody waits for a row that all of them write.
_ADD = "ON CONFLICT (run_id, state, cause) DO UPDATE SET takes = takes + excluded.takes;"
_ASKED = f"SELECT {{row}}.run_id, {_as_columns('takes')}, {{takes}} FROM takes WHERE id = {{row}}.take_id"  # noqa: S608 - the names are ours
_SQLITE = {
    "takes_tally_move": (
        f"AFTER UPDATE OF state, error_kind ON takes {_ENDS} "
        f"BEGIN INSERT INTO tallies {_CHANGE} {_LEFT} {_ADD} INSERT INTO tallies {_CHANGE} {_CAME} {_ADD} END"
    ),
    "run_takes_tally_ask": (
        f"AFTER INSERT ON run_takes BEGIN INSERT INTO tallies {_CHANGE} {_ASKED.format(row='NEW', takes=1)} {_ADD} END"
    ),
    "run_takes_tally_drop": (
        f"AFTER DELETE ON run_takes BEGIN INSERT INTO tallies {_CHANGE} {_ASKED.format(row='OLD', takes=-1)} {_ADD} END"
    ),
}

# On PostgreSQL they would: rows are appended, and the sweeper adds them up.
_COUNTED = (
    f"SELECT changed.run_id, {_as_columns('takes')}, {{takes}} "  # noqa: S608 - the names are ours
    "FROM changed JOIN takes ON takes.id = changed.take_id GROUP BY 1, 2, 3"
)
_POSTGRESQL = {
    "takes_tally_move": (
        f"AFTER UPDATE OF state, error_kind ON takes FOR EACH ROW {_ENDS}",
        f"{_LEFT} UNION ALL {_CAME}",
    ),
    "run_takes_tally_ask": (
        "AFTER INSERT ON run_takes REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
        _COUNTED.format(takes="count(*)"),
    ),
    "run_takes_tally_drop": (
        "AFTER DELETE ON run_takes REFERENCING OLD TABLE AS changed FOR EACH STATEMENT",
        _COUNTED.format(takes="-count(*)"),
    ),
}


def tallying(dialect: str) -> list[str]:
    """Return the statements that make the triggers which keep the tallies; the migrations run the same ones."""
    if dialect == "sqlite":
        return [f"CREATE TRIGGER {name} {what}" for name, what in _SQLITE.items()]
    made = []
    for name, (when, what) in _POSTGRESQL.items():
        body = f"BEGIN INSERT INTO tally_changes {_CHANGE} {what}; RETURN NULL; END"
        made.append(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        made.append(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    return made


for _dialect in ("sqlite", "postgresql"):
    for _statement in tallying(_dialect):
        # With all tables: the triggers of one write another.
        event.listen(Base.metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
