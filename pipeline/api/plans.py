"""Plans: what a run would do, why, and at what price."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from pipeline.api.deps import AccountId, TheEdge, TheMarket
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.schemas import ExplainRequest, PlanRequest
from pipeline.api.submissions import read_submitted
from pipeline.edge import Edge
from pipeline.errors import ConsentRequired, InvalidSheet, UsageError
from pipeline.intake.rules import pages
from pipeline.planning import explaining
from pipeline.planning import service as planning
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.lapsing import lapsing_voices
from pipeline.planning.leave import suspended
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, PlannedLine, Reason
from pipeline.planning.spending import before_and_after, spending

NDJSON = "application/x-ndjson"
SHOWN_IN_REVIEW = 20
"""Lines in review that are named where there may be thousands."""
router = APIRouter(tags=["plans"], responses=SCOPED | refusals(UsageError, ConsentRequired, InvalidSheet))


@router.post("/plans", summary="What a run of this project would do")
def plan(body: PlanRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Compare the project with what exists. Nothing is written and the provider is not asked.

    `lines` are the first `limit` of those that are not reused, and `has_more` says whether there are others;
    `POST /v1/plans/lines` gives every line. `by_reason` counts all of them. `over_budget` is the error that a run of
    it would be refused with, or null where every cap has room for it. `spent` and `by_character` tell what was spent
    before this plan and what will have been after it; `missing_languages` names the first `limit` lines without a text.
    `retakes` is how many more takes of a line a run may make where they are bad, which is not in the price.
    `left_in_review` counts the lines that `state:review` selects and the plan leaves as they are, since nothing else of
    them has changed; null without that selector.
    Refused with 403 where something is to be made with a talent who has not agreed, or who is suspended.
    """
    drawn, facts = _drawn(body, edge, account_id, market, most_missing=body.limit)
    if facts["suspended"]:
        raise ConsentRequired(**{name: value for name, value in facts["suspended"].items() if name != "code"})
    changes = (line for line in drawn.lines if line.reason is not Reason.REUSED)
    shown = list(islice(changes, body.limit + 1))
    removed = list(islice(drawn.removed, body.limit))
    lines = [_told(line) for line in shown[: body.limit]]
    return {**facts, "lines": lines, "has_more": len(shown) > body.limit, "removed": removed}


@router.post(
    "/plans/lines", summary="The same with every line, one JSON object a row", response_class=StreamingResponse
)
def plan_lines(body: PlanRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> StreamingResponse:
    """Answer with rows of JSON: first the plan without its lines, then each line in the order of the sheet.

    Lines that have left the sheet follow at the end, as `{"removed": id}`. `suspended` is the error that a run of it
    would be refused with, or null where it needs no talent who is suspended: what exists is told all the same.
    """
    drawn, facts = _drawn(body, edge, account_id, market)
    return StreamingResponse(_rows(drawn, facts), media_type=NDJSON)


@router.post("/plans/explain", summary="Why one line would be made, or not")
def explain(body: ExplainRequest, edge: TheEdge, account_id: AccountId, market: TheMarket) -> dict[str, Any]:
    """Show a line as it is wanted and as it was last applied, what differs, and the take that speaks it."""
    submission = _submitted(body, edge, account_id)
    with edge.read() as session:
        return explaining.explain(session, account_id, submission, market, body.line).as_dict()


def _drawn(
    body: PlanRequest, edge: Edge, account_id: str, market: Market, *, most_missing: int | None = None
) -> tuple[Plan, dict[str, Any]]:
    """Draw the plan up; returns it with what is said of it as a whole."""
    submission = _submitted(body, edge, account_id)
    with edge.read() as session:
        drawn = planning.draw_up(session, account_id, submission, market)
        refused = refusal(session, account_id, drawn, run_cap(submission.project, body.budget_micros))
        spent = spending(session, account_id, drawn.production)
        lapsing = lapsing_voices(session, account_id, drawn)
        stopped = suspended(session, account_id, submission, drawn)
    facts = {
        "digest": drawn.digest(),
        "production": drawn.production,
        "provider": drawn.provider,
        "totals": drawn.totals(),
        "by_reason": dict(drawn.by_reason),
        "voices": [asdict(voice) for voice in drawn.voices],
        "over_budget": refused.as_dict() if refused else None,
        "suspended": stopped.as_dict() if stopped else None,
        "retakes": submission.project.quality.allowed_retakes,
        **before_and_after(drawn, spent),
        "by_language": {language: total._asdict() for language, total in drawn.by_language().items()},
        "missing_languages": _missing(submission.project.missing, most_missing),
        "lapsing_voices": lapsing,
        "left_in_review": _left_in_review(drawn),
    }
    return drawn, facts


def _left_in_review(drawn: Plan) -> dict[str, Any] | None:
    """Count the lines in review that a plan leaves as they are, and name some of them."""
    left = drawn.left_in_review
    if left is None:
        return None
    return {"count": len(left.lines), "lines": left.lines[:SHOWN_IN_REVIEW], "locked": left.locked}


def _missing(lacking: Mapping[str, Sequence[str]], most: int | None) -> dict[str, Any]:
    """Count and name the lines that have no text in a language of the production."""
    return {language: {"lines": len(ids), "ids": list(islice(ids, most))} for language, ids in lacking.items()}


def _submitted(body: PlanRequest, edge: Edge, account_id: str) -> planning.Submission:
    project = read_submitted(edge, account_id, body.project, inline=body.documents, files=body.files)
    return planning.Submission(project, body.references, planning.Selection.of(body.only, project), body.fresh)


def _rows(drawn: Plan, facts: dict[str, Any]) -> Iterator[bytes]:
    yield json.dumps(facts).encode() + b"\n"
    for page in pages(drawn.lines):
        yield "".join(f"{json.dumps(_told(line))}\n" for line in page).encode()
    for gone in pages(drawn.removed):
        yield "".join(f"{json.dumps({'removed': line_id})}\n" for line_id in gone).encode()


def _told(line: PlannedLine) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "character": line.character,
        "reason": line.reason,
        "price": line.price,
        "chars": line.chars,
        "fingerprint": line.wanted,
        "shares_with": line.shares_with,
        "conflict": _conflict(line),
    }


def _conflict(line: PlannedLine) -> dict[str, Any] | None:
    """Return what a locked line says, and what the sheet would have it say."""
    if line.reason is not Reason.LOCKED_CONFLICT:
        return None
    return {"locked_text": line.locked_text, "sheet_text": line.sheet_text}
