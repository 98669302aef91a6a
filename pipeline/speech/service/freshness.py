"""Fresh takes: which of them a run has asked for first, and so what is a further try of the same asking."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from pipeline.intake.models import LineTake
from pipeline.speech.models import RunTake, Take
from pipeline.speech.rules import Asked


def first_asked(session: Session, take: Take) -> Take | None:
    """Return the fresh take of which `take` is the first or a further try; None where it is no fresh one.

    Further tries are those that the quality gate has asked for on the run that asked for the first.
    """
    runs = select(RunTake.run_id).where(RunTake.take_id == take.id, RunTake.reason == str(Asked.FRESH))
    asked = exists().where(RunTake.take_id == Take.id, RunTake.reason == str(Asked.FRESH), RunTake.run_id.in_(runs))
    # By the lines they were asked for: a run may have asked for a million others.
    its = aliased(LineTake)
    of_line = (its.production_id == LineTake.production_id) & (its.line_id == LineTake.line_id)
    found = (
        select(Take)
        .join(LineTake, LineTake.fingerprint == Take.fingerprint)
        .join(its, of_line)
        .where(its.fingerprint == take.fingerprint, Take.account_id == take.account_id)
        .where(Take.alternative_of == take.alternative_of, asked.correlate(Take))
    )
    return session.scalar(found.order_by(Take.created_at, Take.id).limit(1))
