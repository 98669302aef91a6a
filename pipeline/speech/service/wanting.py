"""Which takes a run asks for, and what holds them up."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from pipeline.db.events import emit
from pipeline.db.leases import rowcount
from pipeline.delivery import PLAIN
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.provider.port import Prices
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import AUDITION_PRIORITY, Sound, TakeKind, TakeState
from pipeline.speech.service.asking import WantedTake, want
from pipeline.speech.service.blocking import block
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.withholding import withhold
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE, VoiceKind, VoiceState

AUDITION_FORMAT = "mp3"
STEP = 5_000
"""Lines that one transaction opens where a voice has many: others wait for it on SQLite."""


def open_voice(session: Session, voice_id: str, *, prices: Prices) -> None:
    """Start the lines of a voice that has become ready, its audition first; one step of them, where they are many.

    Those of a suspended talent are blocked instead.
    """
    voice = session.get_one(Voice, voice_id, with_for_update=True)  # the message may be there twice, at the same time
    if voice.state is not VoiceState.READY:
        return
    if voice.kind is not VoiceKind.SYSTEM and voice.spoke_at is None:
        _want_audition(session, voice, prices)
    refused = voices.refusal(session, voice)
    is_whole = withhold(session, [voice_id], refused).is_whole if refused else _open_some(session, voice_id) < STEP
    if not is_whole:
        emit(session, "voice.ready", voice_id)
    dispatch(session, voice.provider)


def _open_some(session: Session, voice_id: str) -> int:
    waiting = (Take.voice_id == voice_id, Take.state == TakeState.WAITING, Take.run_id.not_in(intake.unstarted()))
    # Unsorted: the index holds them nearly as they were asked for, and sorting would look at all of them each time.
    some = select(Take.id).where(*waiting).limit(STEP)
    opening = update(Take).where(Take.id.in_(some)).values(state=TakeState.READY)
    return rowcount(session, opening.execution_options(synchronize_session=False))


def block_voice(session: Session, voice_id: str) -> None:
    """Stop the lines of a voice that cannot be had, and say why on each."""
    voice = session.get_one(Voice, voice_id)
    if voice.state in {VoiceState.FAILED, VoiceState.UNCLEAR} or voice.problem == GONE:
        # Else it is wanted once more by now, and this message is from before.
        block(session, Take.voice_id == voice_id, error_kind=voice.problem, error=voice.message)


def _want_audition(session: Session, voice: Voice, prices: Prices) -> None:
    run = session.get(Run, voice.run_id) if voice.run_id else None
    if run is None or run.state is not RunState.RUNNING:
        return
    want_audition(session, run, voice, prices)


def want_audition(session: Session, run: Run, voice: Voice, prices: Prices) -> None:
    """Ask for a voice's first words on a run's money, once."""
    model = _speech_model(session, voice, prices)
    sound = Sound(voice.provider, model, voice.key, ACTIVATION_LINE, AUDITION_FORMAT, PLAIN)
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
        priority=AUDITION_PRIORITY,
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
