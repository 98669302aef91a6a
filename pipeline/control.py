"""What a person does to a run that is under way: pause it, resume it, cancel it, or some of its lines.

The row decides: a flag that every claim asks for first takes effect with its commit, however large the run.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, aliased

from pipeline import errors
from pipeline.db.events import emit
from pipeline.errors import Conflict, NotFound
from pipeline.intake import service as intake
from pipeline.intake.models import Line, LineTake, Run, RunState
from pipeline.references import service as references
from pipeline.speech import service as speech
from pipeline.speech.models import RunVoice, Take
from pipeline.voices.models import Attempt, Voice
from pipeline.voices.rules import AttemptState, VoiceState

STEP = 5_000
"""Takes that one transaction cancels: others wait for it on SQLite."""


@dataclass(frozen=True)
class Chosen:
    """Which lines of a run are meant: those of these characters, and those with these ids."""

    characters: Collection[str] = ()
    lines: Collection[str] = ()


@dataclass(frozen=True)
class Cancelled:
    """How many takes were cancelled, and how many of them are being spoken and are finished."""

    takes: int
    speaking: int


Transaction = Callable[[], AbstractContextManager[Session]]
"""Opens a transaction, as the edge does."""


def pause(session: Session, run: Run) -> None:
    """Let a run start nothing until it is resumed. What is under way is finished; harmless where it is paused."""
    _require_open(session, run, "paused")
    intake.pause_run(session, run.id)


def resume(session: Session, run: Run) -> None:
    """Let a paused run go on; harmless where it goes on already.

    Raises `ConsentRequired` where it is over because a talent of its cast is suspended.
    """
    mine = select(Voice).join(RunVoice, RunVoice.voice_id == Voice.id).where(RunVoice.run_id == run.id)
    cast = session.scalars(mine.order_by(Voice.id)).all()
    if run.state is RunState.PARTIAL:
        for voice in cast:
            references.require_unsuspended(session, voice.consent_id)
    _require_open(session, run, "resumed")
    if not intake.resume_run(session, run.id):
        return
    for voice in cast:
        if voice.state is VoiceState.WANTED and voice.run_id == run.id:
            emit(session, "voice.wanted", voice.id)
    reserved = select(Attempt.id).where(Attempt.run_id == run.id, Attempt.state == AttemptState.RESERVED)
    for attempt_id in session.scalars(reserved.order_by(Attempt.id)).all():
        emit(session, "attempt.reserved", attempt_id)
    for provider in sorted({voice.provider for voice in cast}):
        speech.dispatch(session, provider)


def cancel(session: Session, run: Run) -> None:
    """Let a run start nothing more, for good. What is under way is finished, what was made is kept."""
    _require_open(session, run, "cancelled")
    intake.stop_run(session, run.id, errors.Cancelled.code)


def _require_lines(session: Session, run: Run, chosen: Chosen) -> None:
    """Raise `NotFound` naming the characters and lines that the run's production does not have."""
    _require_open(session, run, "changed")
    for column, names, what in ((Line.character, chosen.characters, "character"), (Line.line_id, chosen.lines, "line")):
        known = set(session.scalars(select(column).where(_is_of(run), column.in_(names)).distinct()))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise NotFound(
                f"The production has no {what} {', '.join(unknown)}.", hint="Nothing was cancelled; correct the name."
            )


def cancel_lines(read: Transaction, write: Transaction, run_id: str, chosen: Chosen) -> Cancelled:
    """Let a run no longer want some of its lines; a take that other lines share is left.

    The run starts nothing meanwhile: so it takes effect at once, and in the middle of it nothing is spent.
    Raises `Conflict` where the run is over and `NotFound` where it has no such lines; nothing is changed then.
    """
    with write() as session:
        run = session.get_one(Run, run_id)
        _require_lines(session, run, chosen)
        held_up = intake.pause_run(session, run_id)
    takes = 0
    with read() as session:
        for batch in session.scalars(_chosen_takes(run, chosen)).partitions(STEP):
            with write() as step:
                takes += speech.cancel(step, run, batch)
    with write() as session:
        if held_up:
            resume(session, session.get_one(Run, run_id))
        return Cancelled(takes, speech.still_speaking(session, run_id))


def _chosen_takes(run: Run, chosen: Chosen) -> Select[str]:
    """Select the open takes of a run that these lines speak, and no other line of its production."""
    meant = Line.character.in_(chosen.characters) | Line.line_id.in_(chosen.lines)
    spoken = select(Line.fingerprint).where(_is_of(run), meant)
    of_line = (LineTake.production_id == Line.production_id) & (LineTake.line_id == Line.line_id)
    alternatives = select(LineTake.fingerprint).join(Line, of_line).where(_is_of(run), meant)
    other = aliased(Line)
    is_meant = other.character.in_(chosen.characters) | other.line_id.in_(chosen.lines)
    shared = exists().where(other.production_id == run.production_id, other.fingerprint == Take.fingerprint, ~is_meant)
    is_theirs = Take.fingerprint.in_(spoken) | (Take.alternative_of.is_not(None) & Take.fingerprint.in_(alternatives))
    mine = (Take.account_id == run.account_id, is_theirs, ~shared.correlate(Take))
    return speech.wanted_takes(run.id).where(*mine)


def _is_of(run: Run) -> ColumnElement[bool]:
    return Line.production_id == run.production_id


def _require_open(session: Session, run: Run, what: str) -> None:
    unstarted = intake.not_started(session, run)
    if unstarted is not None:
        raise unstarted
    if run.state is not RunState.RUNNING:
        raise Conflict(f"The run {run.id} is over ({run.state}); it cannot be {what}.", hint=_instead(what))
    if run.reason is not None and what != "cancelled":
        raise Conflict(f"The run {run.id} was stopped ({run.reason}); it cannot be {what}.", hint=_instead(what))


def _instead(what: str) -> str:
    if what == "resumed":
        return "callsheet retry, or callsheet apply, goes on with what is missing."
    return "callsheet status --all lists the runs."
