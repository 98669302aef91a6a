"""Lines of a production that are meant by selectors, as `plan --only` has them, or by name."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pipeline.cli import review
from pipeline.cli.client import Client, segment
from pipeline.errors import UsageError
from pipeline.intake.rules.selectors import IN_REVIEW, REJECTED, REVIEW, Term, term

Json = dict[str, Any]
STATES = (REVIEW, REJECTED, "failed")
"""What can be said of a line without its sheet."""
OPENING = (
    "callsheet unlock opens lines; callsheet apply speaks them for the first time, callsheet retry what has failed."
)


@dataclass(frozen=True)
class Chosen:
    """Ids of lines that a command is for, and of those that were selected with them and stay as they are."""

    lines: Sequence[str]
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the reason."""


def meant(client: Client, production: str, named: Sequence[str], only: Sequence[str], *, in_review: bool) -> list[str]:
    """Return the ids of lines: those that are named, those that all kinds of selectors fit, those in review.

    Raises `UsageError` where a selector is none, or nothing fits.
    """
    terms = _terms(named, only, in_review=in_review)
    return [row["id"] for row in _selected(client, production, terms)] if terms else list(named)


def spoken(
    client: Client,
    production: str,
    named: Sequence[str],
    only: Sequence[str],
    *,
    in_review: bool = False,
    are_free: bool = False,
) -> Chosen:
    """Return which of the lines that are meant are spoken and, with `are_free`, not locked; no named one is left out.

    Raises `UsageError` as `meant`, and where that leaves nothing.
    """
    terms = _terms(named, only, in_review=in_review)
    if not terms:
        return Chosen(list(named))
    rows = _selected(client, production, terms)
    left_out = {
        "locked": [row["id"] for row in rows if are_free and row["locked"]],
        "not spoken yet": [row["id"] for row in rows if row["state"] != "done" and not (are_free and row["locked"])],
    }
    without = {line for ids in left_out.values() for line in ids}
    lines = [row["id"] for row in rows if row["id"] not in without]
    if not lines:
        told = ", ".join(f"{len(ids)} {why}" for why, ids in left_out.items() if ids)
        raise UsageError(f"None of the lines that are selected can be taken: {told}.", hint=OPENING)
    return Chosen(lines, {why: ids for why, ids in left_out.items() if ids})


def _terms(named: Sequence[str], only: Sequence[str], *, in_review: bool) -> list[Term]:
    terms = [_of_a_line(term(written)) for written in only]
    if in_review and not named:
        terms.append(IN_REVIEW)
    if terms and named:
        raise UsageError("The lines are named, and selected as well.", hint="Leave the ids or --only out.")
    return terms


def _selected(client: Client, production: str, terms: Sequence[Term]) -> list[Json]:
    """Return the lines that all kinds of selectors fit: id, state and whether each is locked."""
    waiting = _in_review(client, production) if IN_REVIEW in terms else []
    ids = frozenset(row["id"] for row in waiting)
    found = waiting if set(terms) == {IN_REVIEW} else list(_fitting(client, production, terms, ids))
    if not found:
        told = "is in review" if set(terms) == {IN_REVIEW} else f"fits {', '.join(map(str, terms))}"
        raise UsageError(f"No line of {production} {told}.", hint="`callsheet status` tells how its lines stand.")
    return found


def _of_a_line(wanted: Term) -> Term:
    if wanted.kind == "state" and wanted.pattern not in STATES:
        raise UsageError(
            f"{wanted} is told by a sheet, and this command reads none. Allowed: {', '.join(STATES)}.",
            hint="`callsheet plan --only` knows it.",
        )
    return wanted


def _in_review(client: Client, production: str) -> list[Json]:
    rows = review.load(client, production)["data"]
    return [{"id": row["line"], "locked": row["locked"], "state": "done"} for row in rows]


def _fitting(client: Client, production: str, terms: Sequence[Term], waiting: Collection[str]) -> Iterator[Json]:
    kinds = {one.kind: [other for other in terms if other.kind == one.kind] for one in terms}
    for line in client.pages(f"/productions/{segment(production)}/lines", "position"):
        if all(any(_fits(one, line, waiting) for one in every) for every in kinds.values()):
            yield {name: line[name] for name in ("id", "locked", "state")}


def _fits(wanted: Term, line: Json, waiting: Collection[str]) -> bool:
    match wanted.kind:
        case "character":
            return fnmatchcase(line["character"], wanted.pattern)
        case "line":
            return fnmatchcase(line["id"], wanted.pattern)
        case "lang":
            return fnmatchcase(line["language"].casefold(), wanted.pattern.casefold())
        case _ if wanted == IN_REVIEW:
            return line["id"] in waiting
        case _:
            return wanted.pattern in {line["state"], line["verdict"]}
