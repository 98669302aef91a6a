"""What is unclear, what came too late, and what was decided, for people to read."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import table
from pipeline.ledger.money import dollars

Json = dict[str, Any]
VERDICTS = {
    "charged_voice_lost": "it was charged, and its voice cannot be found",
    "unknown": "no evidence tells whether it was made",
}
EVIDENCE_SHOWN = 300


def waiting_view(waiting: Json) -> Group:
    """Show everything that waits: what it is about, what was seen, and the commands that decide it."""
    parts = [
        *_section("For evidence", waiting["in_doubt"], _in_doubt),
        *_section("For a person", waiting["operator"], _operator),
        *_section("Voices that came too late", waiting["orphans"], _orphan),
    ]
    return Group(*(Text.from_markup(part) for part in parts or ["Nothing is unclear."]))


def decided(answer: Json) -> str:
    """Say what was decided, and what comes next."""
    decision, left = answer["decision"], answer["waiting"]
    told = f"Decided: {decision['action']} {decision['subject']} ({escape(decision['by'])})."
    if left:
        return f"{told}\n[bold]Next[/]  callsheet reconcile   {left} more to look at."
    return f"{told}\n[bold]Next[/]  callsheet plan says what is left to make and its price; callsheet apply makes it."


def decisions_table(decisions: Iterable[Json]) -> Table:
    """List decisions."""
    made = table("Decisions", "at", "what", "about", "by", "reason")
    for row in decisions:
        made.add_row(row["at"], row["action"], escape(row["subject"]), escape(row["by"]), escape(row["reason"]))
    return made


def _section(title: str, items: list[Json], told: Any) -> Iterator[str]:  # noqa: ANN401 - one of the functions below
    if items:
        yield f"[bold]{title}[/]"
    for item in items:
        yield from told(item)
        yield ""


def _in_doubt(item: Json) -> Iterator[str]:
    yield _headline(item, f"{dollars(item['held_micros'])} held")
    yield from _seen(item, f"looked at {item['looks']} times; final at {item['evidence_final_at']}")
    if item["decided_by"] != item["evidence_final_at"]:
        yield f"  or by {item['decided_by']} where nobody can be asked until then"


def _operator(item: Json) -> Iterator[str]:
    yield _headline(item, f"{dollars(item['held_micros'])} held")
    yield from _seen(item, VERDICTS.get(item["verdict"], item["verdict"] or ""))
    yield from _choices(item)


def _orphan(item: Json) -> Iterator[str]:
    yield _headline(item, f"{dollars(item['cost_micros'])} booked")
    told = f"{item['voice_id']} came at {item['found_at']}, after {item['attempt']} had been given up"
    yield from _seen(item, told)
    yield from _choices(item)


def _headline(item: Json, money: str) -> str:
    whose = f"{item['kind']} of {item['label']} for {item['production']}, {item['run']}"
    return f"[bold]{item['id']}[/]  {escape(whose)}: [bold]{money}[/]"


def _seen(item: Json, verdict: str) -> Iterator[str]:
    sent = f"as {item['sent_as']} " if item.get("sent_as") else ""
    asked = f", id {item['asked_for']} asked for" if item.get("asked_for") else ""
    yield f"  sent {escape(sent)}to {escape(item['provider'])} at {item['sent_at']}{escape(asked)}"
    yield f"  [red]{escape(verdict)}[/]"
    if item.get("told"):
        yield f"  {escape(item['told'])}"
    if item["evidence"]:
        yield f"  [dim]{escape(item['evidence'][:EVIDENCE_SHOWN])}[/]"


def _choices(item: Json) -> Iterator[str]:
    for choice in item["choices"]:
        yield f"  {escape(choice['effect'])}"
        yield f"    [cyan]{escape(choice['command'])}[/]"
