"""Which takes a run asks for, and what holds them up."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from pipeline.db.ids import new_id
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.provider.port import Prices
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import OPEN, UNBEGUN, Sound, TakeKind, TakeState
from pipeline.speech.service.blocking import block
from pipeline.speech.service.dispatching import dispatch
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE, VoiceKind, VoiceState

LOOKUP_BATCH = 1_000
AUDITION_FORMAT = "mp3"


@dataclass(frozen=True)
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


def want(session: Session, run: Run, wanted: Iterable[WantedTake]) -> None:
    """Ask for takes on a run's money: new ones are made, failed and blocked ones are opened again."""
    by_fingerprint = {take.sound.fingerprint(): take for take in wanted}
    known = _find(session, run.account_id, list(by_fingerprint))
    asked = []
    for fingerprint, take in by_fingerprint.items():
        row = known.get(fingerprint) or _new_take(session, run, fingerprint, take)
        if row.state is not TakeState.DONE:
            _open(session, row, run, take)
            asked.append(RunTake(run_id=run.id, take_id=row.id, reason=take.reason))
    session.flush()  # the takes first: nothing but this order tells SQLAlchemy of the foreign key
    session.add_all(asked)
    session.flush()


def open_voice(session: Session, voice_id: str, *, prices: Prices) -> None:
    """Start the lines of a voice that has become ready, its audition first."""
    voice = session.get_one(Voice, voice_id, with_for_update=True)  # the message may be there twice, at the same time
    if voice.state is not VoiceState.READY:
        return
    if voice.kind is not VoiceKind.SYSTEM and voice.spoke_at is None:
        _want_audition(session, voice, prices)
    waiting = update(Take).where(Take.voice_id == voice_id, Take.state == TakeState.WAITING)
    session.execute(waiting.values(state=TakeState.READY))
    dispatch(session, voice.provider)


def block_voice(session: Session, voice_id: str) -> None:
    """Stop the lines of a voice that cannot be had, and say why on each."""
    voice = session.get_one(Voice, voice_id)
    if voice.state in {VoiceState.FAILED, VoiceState.UNCLEAR} or voice.problem == GONE:
        # Else it is wanted once more by now, and this message is from before.
        block(session, Take.voice_id == voice_id, error_kind=voice.problem, error=voice.message)


def _find(session: Session, account_id: str, fingerprints: list[str]) -> dict[str, Take]:
    found: dict[str, Take] = {}
    for start in range(0, len(fingerprints), LOOKUP_BATCH):
        batch = fingerprints[start : start + LOOKUP_BATCH]
        query = select(Take).where(Take.account_id == account_id, Take.fingerprint.in_(batch))
        found.update((take.fingerprint, take) for take in session.scalars(query))
    return found


def _new_take(session: Session, run: Run, fingerprint: str, wanted: WantedTake) -> Take:
    sound = wanted.sound
    take = Take(
        id=new_id("take"),
        account_id=run.account_id,
        fingerprint=fingerprint,
        kind=wanted.kind,
        voice_id=wanted.voice.id,
        provider=sound.provider,
        model=sound.model,
        text=sound.text,
        format=sound.format,
        speed=sound.speed,
        priority=wanted.priority,
        state=TakeState.BLOCKED,
    )
    session.add(take)
    return take


def _open(session: Session, take: Take, run: Run, wanted: WantedTake) -> None:
    if take.state in OPEN:
        if intake.is_stopped(session, take.run_id):
            _take_over(session, take, run)
        return  # another run is at it and pays
    voice = wanted.voice
    take.run_id, take.estimate = run.id, wanted.estimate
    take.consent_id, take.language, take.production_name = voice.consent_id, wanted.language, wanted.production_name
    take.attempt, take.claims, take.not_before = 0, 0, 0
    take.error_kind, take.error = None, None
    match voice.state:
        case VoiceState.READY:
            take.state = TakeState.READY
        case VoiceState.WANTED | VoiceState.MAKING:
            take.state = TakeState.WAITING
        case VoiceState.FAILED | VoiceState.UNCLEAR:
            take.state, take.error_kind, take.error = TakeState.BLOCKED, voice.problem, voice.message


def _take_over(session: Session, take: Take, run: Run) -> None:
    # What is being spoken right now is finished at the expense of the run that began it.
    unbegun = update(Take).where(Take.id == take.id, Take.state.in_(UNBEGUN))
    session.execute(unbegun.values(run_id=run.id))


def _want_audition(session: Session, voice: Voice, prices: Prices) -> None:
    run = session.get(Run, voice.run_id) if voice.run_id else None
    if run is None or run.state is not RunState.RUNNING:
        return
    want_audition(session, run, voice, prices)


def want_audition(session: Session, run: Run, voice: Voice, prices: Prices) -> None:
    """Ask for a voice's first words on a run's money, once."""
    model = _speech_model(session, voice, prices)
    sound = Sound(voice.provider, model, voice.key, ACTIVATION_LINE, AUDITION_FORMAT, None)
    if _is_asked_for(session, run, sound):
        return
    audition = WantedTake(
        sound=sound,
        voice=voice,
        reason="audition",
        estimate=prices.speech(model, len(ACTIVATION_LINE)),
        language="en",
        production_name="",
        kind=TakeKind.AUDITION,
        priority=0,
    )
    want(session, run, [audition])


def _is_asked_for(session: Session, run: Run, sound: Sound) -> bool:
    asked = exists().where(
        RunTake.run_id == run.id, RunTake.take_id == Take.id, Take.fingerprint == sound.fingerprint()
    )
    return bool(session.scalar(select(asked)))


def _speech_model(session: Session, voice: Voice, prices: Prices) -> str:
    # An audition in the model of the voice's own lines says how they will sound.
    model = session.scalar(select(Take.model).where(Take.voice_id == voice.id).limit(1))
    return model or next(iter(prices.speech_micros_per_million_chars))
