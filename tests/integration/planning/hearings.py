"""What the quality gate finds and what follows from it, on a stage."""

from sqlalchemy import func, select

from pipeline import views
from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Transfer
from pipeline.quality import Expectation, Outcome
from pipeline.quality import Verdict as Heard
from pipeline.speech.models import Take
from tests.integration.planning.retakes import history
from tests.support.ears import good
from tests.support.stage import Stage


def spent(stage: Stage, run_id: str) -> int:
    with stage.database.read() as session:
        booked = session.scalar(select(func.sum(Transfer.amount)).where(Transfer.run_id == run_id))
        assert booked == session.get_one(Budget, run_id).spent
        return booked


def finds(stage: Stage, text: str, *verdicts: Heard) -> None:
    """Let the takes of a text be found so, one after the other, and every other take good."""
    waiting = list(verdicts)
    stage.ears.findings.clear()

    def find(_: bytes, expected: Expectation) -> Heard:
        return waiting.pop(0) if expected.text == text and waiting else good()

    stage.ears.will_find(*[find] * 50)


def outcomes(stage: Stage, owner: str, line: str = "line_1") -> list[str]:
    """Return what was heard of each take of a line, that of the chosen one in capitals."""
    told = ((str(take["heard"]), take["chosen"]) for take in history(stage, owner, line))
    return [heard.upper() if chosen else heard for heard, chosen in told]


def sequels(stage: Stage) -> list[str]:
    with stage.database.read() as session:
        takes = session.scalars(select(Take).where(Take.outcome == Outcome.BAD).order_by(Take.id))
        return [str((take.verdict or {})["sequel"]) for take in takes]


def bad_again(stage: Stage, run_id: str) -> list[tuple[str, int, str, int]]:
    """Return the bad takes that a run tells of: line, number, as what it was asked for, and the number that speaks."""
    with stage.database.read() as session:
        told = views.run_status(session, session.get_one(Run, run_id))["bad_again"]
    assert told["count"] == len(told["takes"])
    assert all(take["why"] for take in told["takes"])
    return [(take["line"], take["number"], take["asked"], take["speaks"]) for take in told["takes"]]
