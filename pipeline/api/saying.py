"""One text spoken once: to hear how a character says it before a production is spoken."""

from typing import Any

from fastapi import APIRouter

from pipeline import views
from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.schemas import SayPlanRequest, SayRequest
from pipeline.api.submissions import read_submitted, uploaded_recordings
from pipeline.edge import Edge
from pipeline.errors import BudgetExceeded, Conflict, ConsentRequired, InvalidSheet, UsageError
from pipeline.planning import saying
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.service import Submission
from pipeline.speech.rules import extension

router = APIRouter(tags=["says"], responses=SCOPED)
REFUSED = (UsageError, ConsentRequired, InvalidSheet)


@router.post("/says/plan", summary="How a text is said, what it costs, and its sound", responses=refusals(*REFUSED))
def plan(body: SayPlanRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Show a text as it is sent, the lexicon's words as they are said. `take` is null where it was not spoken yet.

    Nothing is written and the provider is not asked.
    """
    project = read_submitted(edge, account_id, body.project, inline=body.documents, files=body.files)
    wish = saying.Wish(body.text, body.character, body.language)
    with edge.read() as session:
        drawn = saying.draw(session, account_id, Submission(project, body.references), wish, market)
        refused = refusal(session, account_id, drawn.plan, run_cap(project, body.budget_micros))
        return {**_told(edge, drawn), "over_budget": refused.as_dict() if refused else None}


@router.post(
    "/says",
    status_code=201,
    summary="Say a text once, on a run of its own",
    responses=refusals(*REFUSED, BudgetExceeded, Conflict),
)
def say(body: SayRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Start a run that speaks this text and nothing else; the production gets no line of it."""
    project = read_submitted(edge, account_id, body.project, inline={}, files=body.files)
    wish = saying.Wish(body.text, body.character, body.language)
    cast = {talent.reference for talent in project.talents.values()}
    whole = Submission(project, uploaded_recordings(edge, account_id, body.files, cast))
    with edge.write() as session:
        terms = {"agreed": body.agreed, "budget": body.budget_micros}
        run_id = saying.apply(session, account_id, whole, wish, market, **terms).id  # type: ignore[arg-type] # its terms
    with edge.read() as session:
        return views.run_status(session, views.find_run(session, account_id, run_id))


def _told(edge: Edge, drawn: saying.Saying) -> dict[str, Any]:
    line, take, project = drawn.line, drawn.take, drawn.submission.project
    return {
        "production": project.production,
        "character": line.character,
        "language": project.language,
        "text": project.lines[0].text,
        "said": drawn.said,
        "reason": line.reason,
        "chars": line.chars,
        "total_micros": drawn.plan.price,
        "digest": drawn.plan.digest(),
        "take": None
        if take is None or take.object_key is None
        else {
            "id": take.id,
            "seconds": take.seconds,
            "sha256": take.sha256,
            "extension": extension(take.format),
            "url": edge.store.download_url(take.object_key),
        },
    }
