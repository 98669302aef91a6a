"""A run asks for takes, thousands at a time: new ones are made, what failed or is blocked is opened again."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.db.bulk import insert_rows
from pipeline.db.clock import now_ms
from pipeline.db.ids import new_ids
from pipeline.delivery import Delivery
from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import pages
from pipeline.speech.models import RunTake, RunVoice, Take
from pipeline.speech.rules import LINE_PRIORITIES, OPEN, UNBEGUN, Priority, Sound, TakeKind, TakeState
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState

Values = dict[str, Any]

BATCH = 1_000
"""Takes a statement: bounded by SQLite's 32,766 variables."""


class WantedTake(NamedTuple):
    """A take a run needs: how it sounds, with which voice, why, and what it is expected to cost."""

    sound: Sound
    voice: Voice
    reason: str
    estimate: int
    language: str
    production_name: str
    kind: TakeKind = TakeKind.LINE
    priority: int = LINE_PRIORITIES[Priority.NORMAL]
    fingerprint: str = ""
    """That of the sound, where it is known already, or that of an alternative."""
    alternative_of: str | None = None
    """The fingerprint of the sound, where one more take of it is wanted."""


def want(session: Session, run: Run, wanted: Iterable[WantedTake]) -> None:
    """Ask for takes on a run's money: new ones are made, failed and blocked ones are opened again.

    Those of a run that is not started yet wait, whether their voice is ready or not.
    """
    for page in pages(wanted, BATCH):
        _want(session, run, {take.fingerprint or take.sound.fingerprint(): take for take in page})


def _want(session: Session, run: Run, wanted: Mapping[str, WantedTake]) -> None:
    columns = (Take.id, Take.fingerprint, Take.state, Take.run_id, Take.priority)
    query = select(*columns).where(Take.account_id == run.account_id, Take.fingerprint.in_(wanted))
    known = {row.fingerprint: row for row in session.execute(query).all()}
    unmade = [row for row in known.values() if row.state is not TakeState.DONE]
    _open_again(session, run, wanted, unmade)
    _ask_again(session, run, {row.id: wanted[row.fingerprint].reason for row in unmade})
    new = {sha: take for sha, take in wanted.items() if sha not in known} if known else wanted
    _make(session, run, new)
    made = {row.fingerprint for row in known.values()} - {row.fingerprint for row in unmade}
    _need_voices(session, run, {take.voice.id for sha, take in wanted.items() if sha not in made})


def _make(session: Session, run: Run, wanted: Mapping[str, WantedTake]) -> None:
    """Make takes that were never asked for."""
    if not wanted:
        return
    ids = new_ids("take", len(wanted))
    created_at, standings = session.scalar(select(now_ms())), _Standings(run)
    rows = (
        (take_id, run.account_id, sha, run.id, created_at, *_values(take), *standings.of(take.voice))
        for take_id, (sha, take) in zip(ids, wanted.items(), strict=True)
    )
    insert_rows(session, Take, _COLUMNS, rows)
    asked = [(run.id, take_id, take.reason) for take_id, take in zip(ids, wanted.values(), strict=True)]
    insert_rows(session, RunTake, ("run_id", "take_id", "reason"), asked)


def _values(take: WantedTake) -> tuple[object, ...]:
    provider, model, _, text, audio_format, delivery = take.sound
    told = (take.alternative_of, take.estimate, take.language, take.production_name, str(take.kind), take.priority)
    return (*told, provider, model, text, audio_format, *delivery, 0, 0, 0, 0, 0)


_COLUMNS = (
    *("id", "account_id", "fingerprint", "run_id", "created_at"),
    *("alternative_of", "estimate", "language", "production_name", "kind", "priority"),
    *("provider", "model", "text", "format", *Delivery._fields),
    *("attempt", "claims", "not_before", "fence", "cost"),
    *("voice_id", "consent_id", "state", "error_kind", "error"),
)


class _Standings:
    """What a take has from its voice: few voices have many takes."""

    def __init__(self, run: Run) -> None:
        self._is_started = not intake.is_preparing(run)
        self._known: dict[str, tuple[object, ...]] = {}

    def of(self, voice: Voice) -> tuple[object, ...]:
        known = self._known.get(voice.id)
        if known is None:
            standing = _standing(voice, is_started=self._is_started)
            state, *why = (standing["state"].value, standing["error_kind"], standing["error"])
            known = self._known[voice.id] = (voice.id, voice.consent_id, state, *why)
        return known


def _ask_again(session: Session, run: Run, reasons: Mapping[str, str]) -> None:
    """Note that the run asks for takes that are there; what it has asked for already stays."""
    if reasons:
        rows = [{"run_id": run.id, "take_id": take_id, "reason": reason} for take_id, reason in reasons.items()]
        session.connection().execute(_insert_new(session)(RunTake).on_conflict_do_nothing(), rows)


def _need_voices(session: Session, run: Run, voices: Collection[str]) -> None:
    if voices:
        rows = [{"run_id": run.id, "voice_id": voice_id} for voice_id in sorted(voices)]
        session.execute(_insert_new(session)(RunVoice).on_conflict_do_nothing(), rows)


def _insert_new(session: Session) -> Callable[..., postgresql.Insert | sqlite.Insert]:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _opened(run: Run, wanted: WantedTake) -> Values:
    """Return what a take has when a run begins to pay for it."""
    voice = wanted.voice
    return {
        "run_id": run.id,
        "estimate": wanted.estimate,
        "consent_id": voice.consent_id,
        "language": wanted.language,
        "production_name": wanted.production_name,
        "priority": wanted.priority,
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
    session: Session, run: Run, wanted: Mapping[str, WantedTake], rows: Sequence[Row[str, str, TakeState, str, int]]
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
    _hasten(session, {row: wanted[row.fingerprint].priority for row in rows if row not in closed})
    # What is open under a run that goes on stays with it: it is at it and pays.
    left = [row.id for row in rows if row.state in OPEN and row.run_id in stopped - unstarted]
    _take_over(session, run, left)


def _hasten(session: Session, wanted: Mapping[Row[str, str, TakeState, str, int], int]) -> None:
    """Let lines that stand open be spoken as early as this run wants them, where another has less haste."""
    lines = LINE_PRIORITIES.values()
    for priority in sorted(set(wanted.values())):
        late = [row.id for row, wish in wanted.items() if wish == priority < row.priority and row.priority in lines]
        if late:
            hastened = update(Take).where(Take.id.in_(late), Take.state.in_(UNBEGUN)).values(priority=priority)
            session.execute(hastened.execution_options(synchronize_session=False))


def _take_over(session: Session, run: Run, takes: Collection[str]) -> None:
    # What is being spoken right now is finished at the expense of the run that began it.
    unbegun = update(Take).where(Take.id.in_(takes), Take.state.in_(UNBEGUN))
    if takes:
        session.execute(unbegun.values(run_id=run.id).execution_options(synchronize_session=False))
