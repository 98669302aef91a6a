"""Takes whose worker or message is gone go on; runs of which nothing can move any more end."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.db.events import emit
from pipeline.intake import service as intake
from pipeline.intake.models import Run, RunState
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState
from pipeline.speech.service.closing import close_runs, is_unheard
from pipeline.speech.service.dispatching import dispatch
from pipeline.speech.service.hearing import sweep_hearings
from pipeline.speech.service.reviving import keep_alive
from pipeline.speech.service.speaking import lapse
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceState


def sweep(session: Session) -> None:
    """Take back what has lapsed, keep voices alive, fill the windows, end the runs."""
    for take in session.scalars(select(Take).where(Take.state == TakeState.SPEAKING, leases.lapsed(Take))).all():
        lapse(session, take)
    unheard = update(Take).where(Take.state == TakeState.DISPATCHED, leases.lapsed(Take))
    session.execute(unheard.values(state=TakeState.READY, lease_until=None, holder=None))
    keep_alive(session)
    for provider in limits.names(session):
        dispatch(session, provider)
    _tell_waiting(session)
    sweep_hearings(session)
    close_runs(session)


def _tell_waiting(session: Session) -> None:
    # The message that a voice is ready, or never will be, may have been lost.
    opens = Take.run_id.not_in(intake.unstarted())
    waits = exists().where(Take.voice_id == Voice.id, Take.state == TakeState.WAITING, opens)
    running = exists().where(Run.id == Voice.run_id, Run.state == RunState.RUNNING)
    settled = (VoiceState.READY, VoiceState.FAILED, VoiceState.UNCLEAR)
    for voice in session.scalars(select(Voice).where(Voice.state.in_(settled), waits | (running & is_unheard()))):
        emit(session, "voice.ready" if voice.state is VoiceState.READY else "voice.failed", voice.id)
