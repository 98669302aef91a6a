"""A voice that was paid for and has not spoken is heard before the provider deletes it, or given up once it has."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.intake.models import Run
from pipeline.ledger import provider_account
from pipeline.ledger.prices import load_prices
from pipeline.speech.models import Take, is_audition
from pipeline.speech.rules import TakeState
from pipeline.speech.service.dispatching import send
from pipeline.speech.service.handing import begin_anew
from pipeline.speech.service.wanting import want_audition
from pipeline.voices import service as voices
from pipeline.voices.models import Voice

PAUSE_MS = 3_600_000
"""How long first words that failed are left before they are tried again: they cost a little each time."""
UNDER_WAY = (TakeState.READY, TakeState.DISPATCHED, TakeState.SPEAKING)


def keep_alive(session: Session) -> None:
    """Flag the voices whose time is over, and let those speak whose time is nearly over, if only their first words."""
    for voice in voices.lapsed(session):
        if not _is_under_way(session, voice, TakeState.SPEAKING):
            voices.lose(session, voice.id, voices.gone(voice, "it had not spoken in time and was deleted."))
    for voice in voices.about_to_lapse(session):
        if not _is_under_way(session, voice, *UNDER_WAY):
            _let_speak(session, voice)
        _send_held_up(session, voice)


def _let_speak(session: Session, voice: Voice) -> None:
    mine = (Take.voice_id == voice.id, is_audition())
    audition = session.scalar(select(Take).where(*mine).order_by(Take.id.desc()).limit(1))
    if audition is None:
        run = session.get_one(Run, voice.run_id)  # it pays, ended or not, as it has paid for the voice
        want_audition(session, run, voice, load_prices(session, voice.provider))
        return
    rested = (Take.id == audition.id, Take.not_before < now_ms() - PAUSE_MS)
    if session.scalar(select(Take.id).where(*rested)):
        begin_anew(session, audition.id, TakeState.READY)


def _send_held_up(session: Session, voice: Voice) -> None:
    """Send the first words of a voice although a person holds up the run that pays: they would come too late."""
    held_up = select(Take.id).join(Run, Run.id == Take.run_id).where(Run.paused_at.is_not(None))
    mine = (Take.voice_id == voice.id, is_audition(), Take.state == TakeState.READY, Take.not_before <= now_ms())
    if not provider_account.is_blocked(session, voice.provider):
        send(session, session.scalars(held_up.where(*mine)).all())


def _is_under_way(session: Session, voice: Voice, *states: TakeState) -> bool:
    return bool(session.scalar(select(exists().where(Take.voice_id == voice.id, Take.state.in_(states)))))
