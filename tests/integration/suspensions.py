"""A talent with lines on a stage, who is suspended and reinstated as a person does it."""

from typing import Any

from sqlalchemy import func, select

from pipeline import suspending
from pipeline.ledger.models import Budget, Transfer
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeKind
from pipeline.voices.models import Voice
from tests.integration.runs import start
from tests.support import factories
from tests.support.factories import Sheet
from tests.support.stage import Stage

MARAS = tuple(f"Mara says {number}." for number in range(12))
HERALDS = ("Halt!", "Who goes there?")
SHEET = Sheet().cloned("mara").system("herald").says("mara", *MARAS).says("herald", *HERALDS)
REASON = "left the cast"


def owner(stage: Stage, *names: str) -> str:
    """Open an account whose recordings are prepared."""
    with stage.edge.write() as session:
        account = factories.account(session)
        for name in names or ("mara",):
            factories.reference(session, account, name)
            stage.add_recording(name)
        return account.id


def prepared(stage: Stage) -> tuple[str, str]:
    """Start a run of the sheet, whose voice is made and whose lines are on their way; nothing is spoken yet."""
    account = owner(stage)
    started = start(stage, SHEET, account)
    while not stage.provider.voice_calls:
        stage.hand_on()
    return account, started


def suspend(stage: Stage, account: str, name: str = "Mara") -> suspending.Stopped:
    return suspending.suspend(stage.edge.read, stage.edge.write, account, name, reason=REASON, by="ann")


def reinstate(stage: Stage, account: str, name: str = "Mara") -> bool:
    return suspending.reinstate(stage.edge.write, account, name, reason="is back", by="ann")


def spoken(stage: Stage) -> list[str]:
    """Return what the provider was asked to say of the suspended talent's lines."""
    return [text for text in stage.provider.spoken if text in MARAS]


def voice(stage: Stage) -> Voice:
    with stage.database.read() as session:
        return session.scalars(select(Voice).where(Voice.label == "mara")).one()


def lines(stage: Stage) -> list[Take]:
    """Return the takes of the talent's lines."""
    with stage.database.read() as session:
        mine = select(Take).join(Voice, Voice.id == Take.voice_id).where(Voice.label == "mara")
        return list(session.scalars(mine.where(Take.kind == TakeKind.LINE).order_by(Take.id)))


def money(stage: Stage, owner_id: str) -> dict[str, Any]:
    with stage.database.read() as session:
        budget = session.get_one(Budget, owner_id)
        booked = session.scalar(select(func.coalesce(func.sum(Transfer.amount), 0)))
        return {"spent": budget.spent, "held": budget.held, "booked": booked}
