"""Beside the promises about money: what the tallies say of each run is what its rows say."""

from sqlalchemy import String, func, literal_column, select

from pipeline.audit.report import Faults, Finding, Scope, finding
from pipeline.intake.models import Run
from pipeline.speech import service as speech
from pipeline.speech.models import RunTake, Take, standing

NO_INVARIANT = ""
"""What such a check finds costs nobody money: it misleads whoever watches a run."""


def tallies_agree(scope: Scope) -> Finding:
    """Every tally is the number of takes that stand so."""
    faults = Faults()
    state_sql, cause_sql = standing(Take.__tablename__)
    key = (RunTake.run_id, literal_column(state_sql, String), literal_column(cause_sql, String))
    mine = select(Run.id).where(*scope.mine(Run.account_id))
    rows = select(*key, func.count()).join(Take, Take.id == RunTake.take_id)
    counted = scope.session.execute(rows.where(RunTake.run_id.in_(mine)).group_by(*key))
    found = {(run_id, state, cause): takes for run_id, state, cause, takes in counted}
    runs = set(scope.session.scalars(mine))
    for run_id, state, cause, takes in scope.session.execute(speech.tallied()):
        counts = found.pop((run_id, state, cause), 0)
        if run_id in runs and takes != counts:
            faults.add(run_id, f"{takes} takes are tallied as {state} {cause}, and there are {counts}")
    for (run_id, state, cause), takes in found.items():
        faults.add(run_id, f"no take is tallied as {state} {cause}, and there are {takes}")
    return finding(NO_INVARIANT, "tallies are the numbers of takes", scope.count(Take), faults)
