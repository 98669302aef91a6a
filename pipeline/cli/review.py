"""What the quality gate has found, as commands show it: of a run in a line, of a production the lines in review."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.client import Client, segment
from pipeline.cli.console import table
from pipeline.cli.counting import counted, more

Json = dict[str, Any]
STYLES = {"good": "green", "bad": "red", "unchecked": "yellow"}
SEQUELS = {
    "off": "none is allowed",
    "person": "yours to decide",
    "tried": "as many as allowed",
    "budget": "no money beyond the plan",
    "consent": "the talent is suspended",
    "run over": "the run was over",
    "asked": "the last was not spoken",
    "unwanted": "",
}
NAMED = 5


def load(client: Client, production: str) -> Json:
    """Return every line in review, and the reasons why others could not be checked."""
    path = f"/productions/{segment(production)}/review"
    unchecked: Mapping[str, int] = client.get(path, limit=1)["unchecked"]
    return {"data": list(client.pages(path, "position")), "unchecked": dict(unchecked)}


def view(found: Json, production: str) -> Group:
    """List the lines in review, and say what to do with them; then what could not be checked, and why."""
    parts: list[Table | Text] = []
    rows = found["data"]
    if rows:
        parts += [_table(rows), Text.from_markup(_next(rows, production))]
    else:
        parts.append(Text("No line is in review."))
    for reason, lines in found["unchecked"].items():
        parts.append(Text.from_markup(f"[yellow]unchecked[/]  {counted(lines, 'line')}: {escape(reason)}"))
    return Group(*parts)


def run_facts(status: Json) -> Iterator[str]:
    """Say what was heard of a run's takes, and which lines of its production are in review."""
    heard = status.get("heard") or {}
    if heard.get("on"):
        counts = ", ".join(f"{heard[outcome]} {outcome}" for outcome in STYLES if heard[outcome])
        yield f"heard  {counts or 'nothing yet'}" + (f", {heard['due']} to hear" if heard["due"] else "")
    yield from _bad_again(status)
    review = status.get("in_review") or {"count": 0, "lines": []}
    if review["count"]:
        named = ", ".join(review["lines"][:NAMED]) + more(review["count"] - NAMED)
        command = f"`callsheet takes {status['production']} --review`"
        yield f"[red]review[/] {escape(named)}: bad by what was heard. {escape(command)} says why."


def bad_retakes(status: Json) -> list[str]:
    """Return the first lines of which a run has made a retake that is bad by what was heard."""
    takes = (status.get("bad_again") or {"takes": []})["takes"]
    return list(dict.fromkeys(take["line"] for take in takes if take["asked"] == "retake"))[:NAMED]


def beyond_plan(plan: Json) -> str:
    """Say what a run may spend beyond the price of its plan, where the project allows it."""
    retakes = plan.get("retakes")
    if not retakes:
        return ""
    times = "once more" if retakes == 1 else f"up to {retakes} times more"
    return f"\nBad takes are made {times}, with what the caps hold beyond this price."


def left_by_plan(plan: Json) -> Iterator[str]:
    """Say of lines that were selected for being in review why a plan does nothing about them, and what would."""
    left = plan.get("left_in_review")
    if left is None:
        return
    if not left["count"] and not plan["totals"]["lines_to_speak"]:
        yield "[red]review[/]  None of the lines that you have selected is in review."
    if left["count"]:
        named = ", ".join(left["lines"][:NAMED])
        rest = more(left["count"] - NAMED)
        yield f"[red]review[/]  {escape(named)}{rest}: bad by what was heard. A plan reuses what is there."
    if left["count"] > left["locked"]:
        command = escape(f"`callsheet retake {plan['production']} --review`")
        yield f"        {command} makes others; so do plan and apply with `--fresh --only state:review`."
    if left["locked"]:
        yield f"        {counted(left['locked'], 'line is', 'lines are')} locked: `callsheet unlock` comes first."


def _bad_again(status: Json) -> Iterator[str]:
    """Name the bad takes among those that were asked for of lines spoken before, and what speaks instead."""
    bad = status.get("bad_again") or {"count": 0, "takes": []}
    for take in bad["takes"][:NAMED]:
        speaks, number = take["speaks"], take["number"]
        now = "It speaks the line." if speaks == number else f"Take {speaks} speaks the line."
        yield f"[red]bad[/]    {escape(take['line'])} take {number}: {escape(take['why'] or '')} {now}"
    if bad["count"] > NAMED:
        yield f"       and {bad['count'] - NAMED} more"


def _table(lines: Sequence[Json]) -> Table:
    columns = ("line", "character", "take", "tried", "why", "retakes")
    made = table("In review", *columns, right=frozenset({"take", "tried"}))
    for line in lines:
        made.add_row(
            escape(line["line"]),
            escape(line["character"]),
            str(line["number"]),
            str(line["tries"]),
            escape(line["why"] or ""),
            SEQUELS.get(line["sequel"] or "", ""),
        )
    return made


def _next(lines: Sequence[Json], production: str) -> str:
    ids = " ".join(line["line"] for line in lines[:NAMED])
    commands = (
        f"callsheet takes {production} {ids} --fetch FOLDER   brings the audio",
        f"callsheet approve {production} {ids}   keeps the takes as they are",
        f"callsheet retake {production} --review   makes others, for all of them",
    )
    return "[bold]Next[/]  " + "\n      ".join(escape(command) for command in commands)
