"""Voices are reserved, made by one paid call each, and told to the lines that wait for them."""

from pipeline.edge import Edge
from pipeline.ledger.prices import load_prices
from pipeline.provider.errors import ProviderError, RateLimited
from pipeline.voices import service as voices
from workers.app import task


@task("voices.reserve")
def reserve(edge: Edge, voice_id: str) -> None:
    """Hold the price of one voice and commit the intent to make it."""
    with edge.write() as session:
        voices.reserve(session, voice_id, prices=load_prices(session, edge.provider.name))


@task("voices.reserve_cloned")
def reserve_cloned(edge: Edge, reference_id: str) -> None:
    """Do so for the voices that waited for a reference which is ready now."""
    with edge.write() as session:
        voices.reserve_cloned(session, reference_id, prices=load_prices(session, edge.provider.name))


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
    if job is None:
        return
    recording = voices.recording(edge.store, job)
    balance = voices.balance(edge.provider)
    admission = edge.admit(
        lambda session: voices.begin(session, job, holder=edge.holder, timeout=edge.clone_timeout, balance=balance),
        seconds=edge.clone_timeout,
    )
    if admission is None:
        return
    outcome = voices.call(edge.provider, job, recording)
    with edge.write() as session:
        voices.settle(session, admission.claim, outcome)
    edge.dismiss(admission)
    if isinstance(outcome, RateLimited):
        edge.cool_down(outcome.retry_after or 1.0)
    if isinstance(outcome, ProviderError):
        raise outcome
