"""A run asks for takes, thousands at a time: new ones are made, what failed or is blocked is opened again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import pages
from pipeline.speech.models import RunTake, RunVoice, Take
from pipeline.speech.rules import OPEN, UNBEGUN, Sound, TakeKind, TakeState
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

Values = dict[str, Any]

BATCH = 1_000
"""Takes a statement: bounded by SQLite's 32,766 variables."""


@dataclass(frozen=True, slots=True)
class WantedTake:
    """A take a run needs: how it sounds, with which voice, why, and what it is expected to cost."""

    sound: Sound
    voice: Voice
    reason: str
    estimate: int
    language: str
    production_name: str
    kind: TakeKind = TakeKind.LINE
    priority: int = 1
    fingerprint: str = ""
    """That of the sound, where it is known already."""


def want(session: Session, run: Run, wanted: Iterable[WantedTake]) -> None:
    """Ask for takes on a run's money: new ones are made, failed and blocked ones are opened again.

    Those of a run that is not started yet wait, whether their voice is ready or not.
    """
    for page in pages(wanted, BATCH):
        _want(session, run, {take.fingerprint or take.sound.fingerprint(): take for take in page})


def _want(session: Session, run: Run, wanted: Mapping[str, WantedTake]) -> None:
    columns = (Take.id, Take.fingerprint, Take.state, Take.run_id)
    query = select(*columns).where(Take.account_id == run.account_id, Take.fingerprint.in_(wanted))
    known = {row.fingerprint: row for row in session.execute(query)}
    unmade = [row for row in known.values() if row.state is not TakeState.DONE]
    asked = {row.fingerprint: row.id for row in unmade}
    _open_again(session, run, wanted, unmade)
    new = [_new_take(run, fingerprint, take) for fingerprint, take in wanted.items() if fingerprint not in known]
    if new:
        session.connection().execute(insert(Take), new)  # past the unit of work, which takes as long again
        asked.update((row["fingerprint"], row["id"]) for row in new)
    _ask(session, run, wanted, asked)


def _ask(session: Session, run: Run, wanted: Mapping[str, WantedTake], asked: Mapping[str, str]) -> None:
    """Note which takes and voices the run asks for; what it has asked for already stays."""
    if not asked:
        return
    insert_new = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    takes = [{"run_id": run.id, "take_id": take, "reason": wanted[key].reason} for key, take in asked.items()]
    session.connection().execute(insert_new(RunTake).on_conflict_do_nothing(), takes)
    voices = sorted({wanted[key].voice.id for key in asked})
    needed = [{"run_id": run.id, "voice_id": voice_id} for voice_id in voices]
    session.execute(insert_new(RunVoice).on_conflict_do_nothing(), needed)


def _new_take(run: Run, fingerprint: str, wanted: WantedTake) -> Values:
    sound = wanted.sound
    return {
        "id": new_id("take"),
        "account_id": run.account_id,
        "fingerprint": fingerprint,
        "kind": wanted.kind,
        "voice_id": wanted.voice.id,
        "provider": sound.provider,
        "model": sound.model,
        "text": sound.text,
        "format": sound.format,
        "speed": sound.speed,
        "priority": wanted.priority,
        **_opened(run, wanted),
    }


def _opened(run: Run, wanted: WantedTake) -> Values:
    """Return what a take has when a run begins to pay for it."""
    voice = wanted.voice
    return {
        "run_id": run.id,
        "estimate": wanted.estimate,
        "consent_id": voice.consent_id,
        "language": wanted.language,
        "production_name": wanted.production_name,
        "attempt": 0,
        "claims": 0,
        "not_before": 0,
        **_standing(voice, is_started=not intake.is_preparing(run)),
    }


def _standing(voice: Voice, *, is_started: bool) -> Values:
    match voice.state:
        case VoiceState.READY if is_started:
            return {"state": TakeState.READY, "error_kind": None, "error": None}
        case VoiceState.READY | VoiceState.WANTED | VoiceState.MAKING:
            return {"state": TakeState.WAITING, "error_kind": None, "error": None}
        case VoiceState.FAILED | VoiceState.UNCLEAR:
            return {"state": TakeState.BLOCKED, "error_kind": voice.problem, "error": voice.message}


def _open_again(
    session: Session, run: Run, wanted: Mapping[str, WantedTake], rows: Sequence[Row[str, str, TakeState, str]]
) -> None:
    """Open what failed or is blocked; what stands open under a run that was stopped is taken over."""
    if not rows:
        return
    payers = {run_id: session.get(Run, run_id) for run_id in {row.run_id for row in rows}}
    unstarted = {run_id for run_id, payer in payers.items() if payer and intake.is_preparing(payer)}
    stopped = {run_id for run_id in payers if intake.is_stopped(session, run_id)}
    closed = [row for row in rows if row.state not in OPEN or row.run_id in unstarted]
    if closed:
        opened = [{"taken": row.id, **_opened(run, wanted[row.fingerprint])} for row in closed]
        session.connection().execute(update(Take).where(Take.id == bindparam("taken")), opened)
    # What is open under a run that goes on stays with it: it is at it and pays.
    left = [row.id for row in rows if row.state in OPEN and row.run_id in stopped - unstarted]
    _take_over(session, run, left)


def _take_over(session: Session, run: Run, takes: Collection[str]) -> None:
    # What is being spoken right now is finished at the expense of the run that began it.
    unbegun = update(Take).where(Take.id.in_(takes), Take.state.in_(UNBEGUN))
    if takes:
        session.execute(unbegun.values(run_id=run.id).execution_options(synchronize_session=False))
