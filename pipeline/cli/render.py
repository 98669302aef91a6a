"""Plans, runs and voices as tables."""

from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import table
from pipeline.ledger.money import dollars

Json = dict[str, Any]
SHOWN_LINES = 12
MADE = ("new", "text", "voice", "delivery", "missing", "failed")
STYLES = {
    "new": "green",
    "failed": "red",
    "lapsed": "red",
    "unclear": "bold red",
    "reused": "dim",
    "shared": "cyan",
    "under way": "blue",
}


def plan_view(plan: Json, *, every_line: bool) -> Group:
    """Show what would be made, why and for how much; `every_line` lists those that are reused too."""
    parts: list[Table | Text] = [_voices_table(plan["voices"]), Text()]
    lines = plan["lines"] if every_line else [line for line in plan["lines"] if line["reason"] in MADE]
    if lines:
        parts += [_lines_table(lines, len(lines) if every_line else SHOWN_LINES), Text()]
    parts.append(Text.from_markup(plan_summary(plan)))
    return Group(*parts)


def plan_summary(plan: Json) -> str:
    """Sum a plan up in two sentences."""
    totals, gone, over = plan["totals"], len(plan["removed"]), plan["over_budget"]
    removed = f" {gone} lines are no longer on the sheet; their takes are kept." if gone else ""
    return (
        f"[bold]{totals['voices_to_make']}[/] voices to make, [bold]{totals['lines_to_speak']}[/] lines to speak"
        f" ({totals['chars_to_speak']:,} characters), {totals['lines_shared']} share a take,"
        f" {totals['lines_reused']} reused.{removed}\n"
        f"Cost: [bold]{dollars(totals['total_micros'])}[/]"
        f" (voices {dollars(totals['voices_micros'])}, lines {dollars(totals['lines_micros'])})"
        f" at {escape(plan['provider'])}." + (f"\n[bold red]Over budget[/]  {escape(over['message'])}" if over else "")
    )


def run_view(status: Json) -> Group:
    """Show how a run stands."""
    lines = [_headline(status), _counts(status["takes"]), _money(status), f"time   {status['elapsed_seconds']:.1f} s"]
    if status.get("paused"):
        lines.insert(1, f"[yellow]paused[/] {escape(status['paused']['message'])}")
    lines += [
        f"[red]voice {escape(v['label'])}[/] {v['state']}: {escape(v['problem'])}"
        for v in status["voices"]
        if v["problem"]
    ]
    lines += [f"[red]{f['count']} lines[/] {f['cause']}: {escape(f['message'] or '')}" for f in status["failures"]]
    return Group(*(Text.from_markup(line) for line in lines))


def left_over(status: Json) -> str:
    """Say what a run that a cap has stopped has made, what is left, and how to go on."""
    takes, voices = status["takes"], [voice for voice in status["voices"] if voice["state"] != "ready"]
    return (
        f"[bold]Next[/]  The budget ended before the work did: {takes['done']} of {takes['total']} lines are spoken,"
        f" {takes['total'] - takes['done']} lines and {len(voices)} voices are left; what is made is kept.\n"
        "      callsheet plan says what the rest costs; callsheet apply --budget AMOUNT goes on."
    )


def _headline(status: Json) -> str:
    reason = f" ({status['reason']})" if status["reason"] else ""
    return f"[bold]{status['id']}[/] of {escape(status['production'])}: [bold]{status['state']}[/]{reason}"


def _counts(takes: Json) -> str:
    parts = [f"{takes[state]} {state}" for state in ("speaking", "failed", "blocked") if takes[state]]
    return ", ".join([f"takes  {takes['done']} of {takes['total']} done", *parts])


def _money(status: Json) -> str:
    cap = f", cap {dollars(status['cap_micros'])}" if status["cap_micros"] is not None else ""
    spent, held, planned = (dollars(status[f"{name}_micros"]) for name in ("spent", "held", "estimate"))
    return f"money  {spent} spent, {held} held, {planned} planned{cap}"


def everything_view(runs: Iterable[Json], productions: Iterable[Json]) -> Group:
    """List what the account has started."""
    return Group(productions_table(productions), Text(), runs_table(runs))


def runs_table(runs: Iterable[Json]) -> Table:
    """List runs."""
    made = table("Runs", "run", "production", "state", "planned", "started", right=frozenset({"planned"}))
    for run in runs:
        production = escape(run["production"])
        made.add_row(run["id"], production, run["state"], dollars(run["estimate_micros"]), run["started_at"])
    return made


def productions_table(productions: Iterable[Json]) -> Table:
    """List productions."""
    made = table("Productions", "production", "title", "language", "spoken", right=frozenset({"spoken"}))
    for row in productions:
        spoken = f"{row['spoken']} of {row['lines']}"
        made.add_row(escape(row["name"]), escape(row["title"]), escape(row["language"]), spoken)
    return made


def voices_table(voices: Iterable[Json]) -> Table:
    """List voices."""
    made = table("Voices", "voice", "kind", "state", "voice id", "made of", "problem")
    for voice in voices:
        made.add_row(
            escape(voice["label"]),
            voice["kind"],
            voice["state"],
            escape(voice["voice_id"] or ""),
            escape(_short(voice["made_of"] or "", 48)),
            escape(voice["message"] or ""),
        )
    return made


def system_voices_table(voices: Iterable[Json]) -> Table:
    """List the provider's own voices."""
    made = table("System voices", "voice id", "name", "category", "description")
    for voice in voices:
        told = (voice["provider_voice_id"], voice["name"], voice["category"], voice["description"])
        made.add_row(*(escape(text or "") for text in told))
    return made


def _voices_table(voices: Iterable[Json]) -> Table:
    made = table("Voices", "characters", "kind", "from", "why", "price", right=frozenset({"price"}))
    for voice in voices:
        made.add_row(
            escape(", ".join(voice["characters"])),
            voice["kind"],
            escape(_short(voice["source"], 48)),
            _reason(voice["reason"]),
            dollars(voice["price"]) if voice["price"] else "",
        )
    return made


def _lines_table(lines: list[Json], shown: int) -> Table:
    made = table("Lines", "line", "character", "why", "characters", "price", right=frozenset({"characters", "price"}))
    for line in lines[:shown]:
        why = _reason(line["reason"]) + (f" with {escape(line['shares_with'])}" if line["shares_with"] else "")
        price = dollars(line["price"]) if line["price"] else ""
        made.add_row(escape(line["line_id"]), escape(line["character"]), why, str(line["chars"]), price)
    if len(lines) > shown:
        made.add_row(f"[dim]and {len(lines) - shown} more (--all lists them)[/]")
    return made


def _reason(reason: str) -> str:
    style = STYLES.get(reason, "yellow")
    return f"[{style}]{reason}[/]"


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
