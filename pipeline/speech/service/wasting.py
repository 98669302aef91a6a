"""Paid calls that brought nothing that can be kept: counted a run, and too many of them stop it.

Every paid attempt whose outcome is lost counts at once. Where two attempts met at the same take, one of them had been
given up before, so what loses the race to the bucket is counted already; what is found stored is taken back. Audio that
waits on a worker's disk while the bucket is away is no waste, unless another machine speaks the line again meanwhile.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import WasteCapReached
from pipeline.intake import service as intake
from pipeline.speech.models import RunTake
from pipeline.speech.rules import waste_cap


def waste(session: Session, run_id: str) -> None:
    """Count a paid call that brought nothing to its run, which stops where there are too many."""
    wasted = intake.count_waste(session, run_id, 1)
    lines = session.scalar(select(func.count()).where(RunTake.run_id == run_id)) or 0
    if wasted > waste_cap(lines):
        intake.stop_run(session, run_id, WasteCapReached.code)


def regain(session: Session, run_id: str) -> None:
    """Take back what was counted as wasted and was found to be there."""
    intake.count_waste(session, run_id, -1)
