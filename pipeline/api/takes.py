"""The takes of single lines: their history, more of them, the choice, the verdict, the lock."""

from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from pipeline import views
from pipeline.api.deps import AccountId, Actor, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.money import named
from pipeline.api.paging import AfterPosition, Limit, Text, page
from pipeline.api.schemas import (
    ChoiceRequest,
    LockRequest,
    Name,
    RetakeChoice,
    RetakeRequest,
    UnlockRequest,
    VerdictRequest,
)
from pipeline.edge import Edge
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, NeedsReconcile, NotFound, UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import Production
from pipeline.planning import retaking
from pipeline.planning.budget import refusal
from pipeline.speech import service as speech

router = APIRouter(tags=["takes"], responses=SCOPED | refusals(NotFound))
REFUSED = refusals(NotFound, Conflict)
UNFIT = (NotFound, UsageError, Conflict, ConsentRequired, NeedsReconcile)
"""Why a line cannot be taken once more."""
Lines = Annotated[list[Name], Query(min_length=1, max_length=100, description="Ids of lines.")]


@router.get("/productions/{name}/takes", summary="Every take of some lines, with a link to each")
def list_takes(name: Text, line: Lines, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """List the takes of lines, oldest first, whatever text they speak; links are valid for ten minutes.

    `chosen` is the one that a pack delivers. `verdict` is what a person has said of it.
    """
    with edge.read() as session:
        production = _find(session, account_id, name)
        speech.require_lines(session, production, speech.Meant(line))
        takes = views.histories(session, production, line)
    return {"data": _linked(edge, takes)}


@router.get("/productions/{name}/review", summary="Lines whose takes the quality gate has found bad")
def list_review(
    name: Text, edge: TheEdge, account_id: AccountId, after: AfterPosition = -1, limit: Limit = views.PAGE_LIMIT
) -> dict[str, Any]:
    """List lines in the order of the sheet that wait for a person: their chosen takes are bad by what was heard.

    `tries` counts the takes that were heard of each, `sequel` says why there is no further one. `unchecked` counts the
    lines of the production that could not be checked, by the reason; it stands with the first page.
    """
    with edge.read() as session:
        found = views.review(session, _find(session, account_id, name).id, after=after, limit=limit + 1)
    return {**found, **page(found["data"], limit)}


@router.post(
    "/productions/{name}/retakes/plan", summary="What more takes of some lines would cost", responses=refusals(*UNFIT)
)
def plan_retake(
    name: Text, body: RetakeChoice, edge: TheEdge, account_id: AccountId, market: TheMarket
) -> dict[str, Any]:
    """Tell what would be made, and its price. Nothing is written and the provider is not asked.

    `over_budget` is the error that it would be refused with, or null where every cap has room for it.
    """
    with edge.read() as session:
        production = _find(session, account_id, name)
        retake = retaking.draw_up(session, production, _wish(body), market)
        refused = refusal(session, account_id, retake, body.budget_micros)
        return {**retake.as_dict(), "over_budget": refused.as_dict() if refused else None}


@router.post(
    "/productions/{name}/retakes",
    status_code=201,
    summary="Start a run of more takes of some lines",
    responses=refusals(*UNFIT, BudgetExceeded),
)
def retake(name: Text, body: RetakeRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run. The newest take that it brings becomes the line's choice; the others stay in its history.

    Refused with 409 where it is not the retake agreed to, with 402 as an apply.
    """
    with edge.write() as session:
        run_id = retaking.apply(
            session,
            _find(session, account_id, name),
            _wish(body),
            market,
            agreed=body.agreed,
            budget=body.budget_micros,
            mode=body.budget_mode,
        ).id
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))


@router.post(
    "/productions/{name}/choices", summary="Let an older take, or any other, speak its line", responses=REFUSED
)
def choose(name: Text, body: ChoiceRequest, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Choose a take of a line. It costs nothing, and plans keep to it until the line asks for another sound."""
    with edge.write() as session:
        production = _find(session, account_id, name)
        speech.choose(session, production, body.line, body.number)
        return _histories(edge, session, production, [body.line])


@router.post("/productions/{name}/verdicts", summary="Approve or reject takes", responses=REFUSED)
def judge(name: Text, body: VerdictRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Say what the chosen takes of lines are worth, or take `number` of each; null takes a verdict back.

    A line whose chosen take is rejected waits for a retake: plans name it, and none makes it.
    """
    with edge.write() as session:
        production = _find(session, account_id, name)
        who = named(actor, body.by)
        speech.judge(session, production, body.lines, body.verdict, number=body.number, note=body.note, by=who)
        return _histories(edge, session, production, body.lines)


@router.post("/productions/{name}/locks", summary="Keep every later plan from changing lines", responses=REFUSED)
def lock(name: Text, body: LockRequest, edge: TheEdge, account_id: AccountId, actor: Actor) -> dict[str, Any]:
    """Lock lines. What the sheet says otherwise of them is a `locked-conflict` on the plan, and is not applied.

    `locked` counts those that are locked now and were not; `unspoken` names those that have nothing to keep yet.
    """
    with edge.write() as session:
        production = _find(session, account_id, name)
        locking = speech.lock(session, production, _meant(body), by=named(actor, body.by))
        return {"production": name, "locked": locking.lines, "unspoken": list(locking.unspoken)}


@router.post("/productions/{name}/unlocks", summary="Let plans change lines again", responses=REFUSED)
def unlock(name: Text, body: UnlockRequest, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Unlock lines. One that has left the sheet meanwhile leaves the production."""
    with edge.write() as session:
        production = _find(session, account_id, name)
        return {"production": name, "unlocked": speech.unlock(session, production, _meant(body))}


def _find(session: Session, account_id: str, name: str) -> Production:
    production = intake.find_production(session, account_id, name)
    if production is None:
        raise NotFound(f"There is no production {name}.", hint="`callsheet status --all` lists what there is.")
    return production


def _wish(body: RetakeChoice) -> retaking.Wish:
    return retaking.Wish(body.lines, body.count, body.direction)


def _meant(body: UnlockRequest) -> speech.Meant:
    return speech.Meant(body.lines, body.characters)


def _histories(edge: Edge, session: Session, production: Production, line_ids: list[str]) -> dict[str, Any]:
    return {"data": _linked(edge, views.histories(session, production, line_ids))}


def _linked(edge: Edge, takes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    linked = []
    for take in takes:
        key = take.pop("object_key")
        file = f"{take['line']}.{take['number']}{PurePosixPath(key).suffix}" if key else None
        linked.append({**take, "file": file, "url": edge.store.download_url(key) if key else None})
    return linked
