"""Takes of single lines, on a stage."""

from typing import Any

from sqlalchemy.orm import Session

from pipeline import views
from pipeline.intake.models import Production, Verdict
from pipeline.intake.service import find_production
from pipeline.ledger.money import BudgetMode
from pipeline.planning import retaking
from pipeline.speech import service as speech
from tests.support import factories
from tests.support.stage import Stage


def production(session: Session, owner: str) -> Production:
    found = find_production(session, owner, "game")
    assert found
    return found


def shown(stage: Stage, owner: str, *lines: str, count: int = 1) -> retaking.Retake:
    with stage.database.read() as session:
        wish = retaking.Wish(lines, count)
        return retaking.draw_up(session, production(session, owner), wish, factories.market())


def retake(
    stage: Stage,
    owner: str,
    *lines: str,
    count: int = 1,
    direction: str = "",
    agreed: str | None = None,
    budget: int | None = None,
    mode: BudgetMode = BudgetMode.HARD,
) -> str:
    """Ask for more takes of lines; nothing of them is spoken yet."""
    with stage.edge.write() as session:
        wish, bounds = retaking.Wish(lines, count, direction), {"agreed": agreed, "budget": budget, "mode": mode}
        return retaking.apply(session, production(session, owner), wish, factories.market(), **bounds).id  # type: ignore[arg-type] # its options


def history(stage: Stage, owner: str, *lines: str) -> list[dict[str, Any]]:
    with stage.database.read() as session:
        return views.histories(session, production(session, owner), lines)


def numbers(stage: Stage, owner: str, line: str = "line_1") -> dict[int, str]:
    """Return the takes of a line by number: the state of each, in capitals where it was chosen."""
    told = {take["number"]: (str(take["state"]), take["chosen"]) for take in history(stage, owner, line)}
    return {number: state.upper() if is_chosen else state for number, (state, is_chosen) in told.items()}


def choose(stage: Stage, owner: str, number: int, line: str = "line_1") -> None:
    with stage.edge.write() as session:
        speech.choose(session, production(session, owner), line, number)


def judge(stage: Stage, owner: str, verdict: Verdict | None, *lines: str, number: int | None = None) -> None:
    with stage.edge.write() as session:
        speech.judge(session, production(session, owner), lines, verdict, number=number, note="Too fast.", by="ines")


def lock(stage: Stage, owner: str, *lines: str, characters: tuple[str, ...] = ()) -> speech.Locking:
    with stage.edge.write() as session:
        return speech.lock(session, production(session, owner), speech.Meant(lines, characters), by="ines")


def unlock(stage: Stage, owner: str, *lines: str) -> int:
    with stage.edge.write() as session:
        return speech.unlock(session, production(session, owner), speech.Meant(lines))


def delivered(stage: Stage, owner: str) -> dict[str, str]:
    """Return what a pack would deliver of each line: the object of its take."""
    with stage.database.read() as session:
        return {line["id"]: line["object_key"] for line in views.line_takes(session, owner, "game")}
