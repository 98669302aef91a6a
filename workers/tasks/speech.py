"""Takes are opened, spoken by one task each, listened to by another, and stopped."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.edge import Admission, Edge
from pipeline.gate import Wish
from pipeline.ledger.prices import load_prices
from pipeline.speech import service as speech
from pipeline.storage.port import ObjectInfo
from workers.app import task


@task("speech.open_voice")
def open_voice(edge: Edge, voice_id: str) -> None:
    """Start the lines of a voice that is ready, its audition first."""
    with edge.write() as session:
        speech.open_voice(session, voice_id, prices=load_prices(session, edge.provider.name))


@task("speech.block_voice")
def block_voice(edge: Edge, voice_id: str) -> None:
    """Stop the lines of a voice that cannot be had."""
    with edge.write() as session:
        speech.block_voice(session, voice_id)


@task("speech.stop_run")
def stop_run(edge: Edge, run_id: str) -> None:
    """Stop the lines of a run that may start nothing more."""
    with edge.write() as session:
        speech.stop_run(session, run_id)


@task("speech.speak")
def speak(edge: Edge, take_id: str) -> None:
    """Speak one take: find it stored, or claim, call, store and settle it."""
    crash.here("before_intent")
    with edge.glance() as connection:
        job = speech.job(connection, take_id, max_chars=edge.provider.capabilities().max_chars)
    if job is None:
        return
    crash.here("intent_committed")
    found = _find_stored(edge, job)
    if found is None:
        _speak_anew(edge, job)
        return
    crash.here("in_reconcile")
    with edge.write() as session:
        speech.adopt(session, job, found, holder=edge.holder)
        crash.here("reconcile_tx")


@task("speech.hear")
def hear(edge: Edge, take_id: str) -> None:
    """Listen to one take that is spoken, and write the verdict down."""
    with edge.write() as session:
        hearing = speech.begin_hearing(session, take_id, edge.holder)
    if hearing is None:
        return
    crash.here("hearing")
    earlier: Sequence[speech.Utterance] = ()
    if not edge.voices.knows(hearing.voice_id):
        with edge.read() as session:
            earlier = speech.earlier_takes(session, hearing.voice_id)
    heard = speech.Listener(edge.store, edge.ears, edge.voices).hear(hearing, earlier)
    edge.record(lambda session: speech.settle_hearing(session, hearing, heard))
    if isinstance(heard, Exception):
        raise heard


def _find_stored(edge: Edge, job: speech.Job) -> ObjectInfo | None:
    """Return what lies in the bucket already, or what an earlier attempt has left on this machine's disk only."""
    if not job.is_fresh:
        speech.restore(edge.spool, edge.store, job.id)
    return edge.store.head(job.key)


def _speak_anew(edge: Edge, job: speech.Job) -> None:
    seconds, characters = edge.speech_timeout * len(job.parts), len(job.parts[0])
    admission = edge.admit(Wish(speech.begin, job, seconds, characters, give_up=speech.give_up))
    if admission is None:
        with edge.write() as session:
            speech.put_back(session, job.id)
        return
    for point in ("sending_committed", "zombie", "broker_lost", "clock_jump"):
        crash.here(point)
    keeper = speech.Keeper(edge.store, edge.spool, job, admission.claim)
    with ExitStack() as finishing:
        over = partial(_finish, edge, admission, finishing)
        spoken = speech.call(edge.provider, keeper, edge.wait_place, over=over)
        crash.here("response_read")
        outcome = keeper.keep(spoken) if isinstance(spoken, speech.Spoken) else spoken
    crash.here("db_lost")
    _settle(edge, keeper, outcome)


def _finish(edge: Edge, admission: Admission[speech.Claim], finishing: ExitStack) -> None:
    edge.dismiss(admission)
    finishing.enter_context(edge.finish())


def _settle(edge: Edge, keeper: speech.Keeper, outcome: speech.Stored | speech.Missed) -> None:
    edge.record_together(_record, speech.Ended(keeper.job, keeper.claim, outcome))
    crash.here("result_committed")
    if isinstance(outcome, speech.Stored):
        keeper.forget()
        return
    if outcome.kind == "rate_limited":
        edge.cool_down(outcome.retry_after or 1.0)
    raise speech.TakeMissed(outcome)


def _record(session: Session, ended: Sequence[speech.Ended]) -> None:
    speech.settle(session, ended)
    crash.here("in_result_tx")
