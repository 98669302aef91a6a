"""Plans and runs of a sheet, on a stage."""

from pipeline.intake.models import Run
from pipeline.ledger.models import Account
from pipeline.ledger.money import BudgetMode
from pipeline.planning import service as planning
from pipeline.planning.rules import Plan, Reason
from tests.support import factories
from tests.support.stage import Stage


def plan(stage: Stage, owner: str, submission: planning.Submission) -> Plan:
    with stage.database.read() as session:
        return planning.draw_up(session, owner, submission, factories.market())


def apply(
    stage: Stage,
    owner: str,
    submission: planning.Submission,
    *,
    agreed: str | None = None,
    budget: int | None = None,
    mode: BudgetMode = BudgetMode.HARD,
) -> str:
    """Apply, with every recording prepared beforehand."""
    for talent in submission.project.talents.values():
        stage.add_recording(talent.key)
        with stage.database.write() as session:
            factories.reference(session, session.get_one(Account, owner), talent.key)
    with stage.edge.write() as session:
        return planning.apply(
            session, owner, submission, factories.market(), agreed=agreed, budget=budget, mode=mode
        ).id


def reasons(planned: Plan) -> dict[str, Reason]:
    return {line.line_id: line.reason for line in planned.lines}


def run(stage: Stage, run_id: str) -> Run:
    with stage.database.read() as session:
        return session.get_one(Run, run_id)
