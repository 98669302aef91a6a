"""Lines of a production that are meant by selectors, as `plan --only` has them, or by name."""

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipeline.cli import review
from pipeline.cli.client import Client, segment
from pipeline.errors import UsageError
from pipeline.intake.rules.selectors import IN_REVIEW, REVIEW, Term, term

Json = dict[str, Any]
STATES = (REVIEW, "failed")
"""What can be said of a line without its sheet."""


def meant(client: Client, production: str, named: Sequence[str], only: Sequence[str], *, in_review: bool) -> list[str]:
    """Return the ids of lines: those that are named, those that all kinds of selectors fit, those in review.

    Raises `UsageError` where a selector is none, or nothing fits.
    """
    terms = [_of_a_line(term(written)) for written in only]
    if in_review and not named:
        terms.append(IN_REVIEW)
    if not terms:
        return list(named)
    if named:
        raise UsageError("The lines are named, and selected as well.", hint="Leave the ids or --only out.")
    waiting = _in_review(client, production) if IN_REVIEW in terms else []
    found = waiting if set(terms) == {IN_REVIEW} else list(_fitting(client, production, terms, frozenset(waiting)))
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


def _in_review(client: Client, production: str) -> list[str]:
    return [row["line"] for row in review.load(client, production)["data"]]


def _fitting(client: Client, production: str, terms: Sequence[Term], waiting: Collection[str]) -> Iterator[str]:
    kinds = {one.kind: [other for other in terms if other.kind == one.kind] for one in terms}
    for line in client.pages(f"/productions/{segment(production)}/lines", "position"):
        if all(any(_fits(one, line, waiting) for one in every) for every in kinds.values()):
            yield line["id"]


def _fits(wanted: Term, line: Json, waiting: Collection[str]) -> bool:
    match wanted.kind:
        case "character":
            return fnmatchcase(line["character"], wanted.pattern)
        case "line":
            return fnmatchcase(line["id"], wanted.pattern)
        case "lang":
            return fnmatchcase(line["language"].casefold(), wanted.pattern.casefold())
        case _:
            return line["id"] in waiting if wanted == IN_REVIEW else bool(line["state"] == wanted.pattern)
