"""Recordings are made fit for the provider."""

from pipeline.edge import Edge
from pipeline.references import service as references
from workers.app import task


@task("references.prepare")
def prepare(edge: Edge, reference_id: str) -> None:
    """Decode, measure, validate and normalise one recording."""
    with edge.write() as session:
        job = references.begin(session, reference_id, edge.holder)
    if job is None:
        return
    outcome = references.prepare(edge.store, edge.reference_rules, job)
    edge.record(lambda session: references.settle(session, job, outcome))
    if isinstance(outcome, Exception):
        raise outcome
