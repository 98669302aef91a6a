"""Voices are reserved, made by one paid call each, and told to the lines that wait for them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy.orm import Session

from pipeline import crash
from pipeline.edge import Edge
from pipeline.gate import Wish
from pipeline.ledger.prices import load_prices
from pipeline.ledger.service import known_spend
from pipeline.provider.errors import ProviderError, RateLimited
from pipeline.provider.port import Balances
from pipeline.storage.port import ObjectMissing
from pipeline.voices import service as voices
from workers.app import task


@task("voices.reserve")
def reserve(edge: Edge, voice_id: str) -> None:
    """Hold the price of one voice and commit the intent to make it."""
    crash.here("before_intent")
    with edge.write() as session:
        prices = load_prices(session, edge.provider.name)
        voices.reserve(session, voice_id, prices=prices, capabilities=edge.provider.capabilities())
    crash.here("intent_committed")


@task("voices.reserve_cloned")
def reserve_cloned(edge: Edge, reference_id: str) -> None:
    """Do so for the voices that waited for a reference which is ready now."""
    crash.here("before_intent")
    with edge.write() as session:
        prices = load_prices(session, edge.provider.name)
        voices.reserve_cloned(session, reference_id, prices=prices, capabilities=edge.provider.capabilities())
    crash.here("intent_committed")


@task("voices.refuse")
def refuse(edge: Edge, reference_id: str) -> None:
    """Fail the voices that waited for a reference which was refused."""
    with edge.write() as session:
        voices.refuse(session, reference_id)


@task("voices.stop_run")
def stop_run(edge: Edge, run_id: str) -> None:
    """Give up the voices that a stopped run has not sent for."""
    with edge.write() as session:
        voices.stop_run(session, run_id)


@task("voices.make")
def make(edge: Edge, attempt_id: str) -> None:
    """Send one attempt at a voice: commit, one POST, commit."""
    with edge.read() as session:
        job = voices.job(session, attempt_id)
        before = voices.read_before(session, edge.provider.name)
    if job is None:
        return
    try:
        recording = voices.recording(edge.store, job)
    except ObjectMissing:
        with edge.write() as session:
            voices.lose_recording(session, attempt_id)
        return
    before = replace(before, balance=voices.balance(edge.provider))
    admission = edge.admit(Wish(partial(_begin, before=before), job, edge.clone_timeout))
    if admission is None:
        return
    for point in ("sending_committed", "broker_lost", "clock_jump"):
        crash.here(point)
    outcome = voices.call(edge.provider, job, recording, admission.claim)
    voices.answers.keep(edge.spool, admission.claim, outcome)
    for point in ("response_read", "db_lost"):
        crash.here(point)
    try:
        _record(edge, voices.answers.Answer(admission.claim, outcome))
    finally:
        edge.dismiss(admission)
    if isinstance(outcome, RateLimited):
        edge.cool_down(outcome.retry_after or 1.0)
    if isinstance(outcome, ProviderError):
        raise outcome


@task("voices.reconcile")
def reconcile(edge: Edge, attempt_id: str) -> None:
    """Find out what became of an attempt in doubt: the answer on disk tells, else what the provider shows."""
    answer = voices.answers.find(edge.spool, attempt_id)
    if answer is not None:
        _record(edge, answer)
        return
    with edge.read() as session:
        doubted = voices.doubted(session, attempt_id)
    if doubted is None:
        return
    found = voices.look(edge.provider, edge.store, doubted, _balances(edge, doubted))
    with edge.write() as session:
        rules = edge.provider.capabilities()
        voices.resolve(session, doubted, found, capabilities=rules, quiescence_seconds=edge.quiescence_seconds)


def _begin(
    session: Session, jobs: Sequence[voices.Job], holder: str, seconds: float, *, before: voices.Before
) -> Sequence[voices.Claim | None]:
    return [voices.begin(session, job, holder=holder, timeout=seconds, before=before) for job in jobs]


def _record(edge: Edge, answer: voices.answers.Answer) -> None:
    voices.answers.record(edge.write, edge.spool, answer, capabilities=edge.provider.capabilities())


def _balances(edge: Edge, doubted: voices.Doubted) -> Balances | None:
    balance = voices.balance(edge.provider)
    with edge.read() as session:
        spend = known_spend(session, edge.provider.name)
        return voices.balances(doubted, balance, spend, voices.parked(session, doubted.job.id))
