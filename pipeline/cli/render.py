"""Plans, runs and voices as tables."""

import math
from collections.abc import Iterable
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli import plan_notes, review
from pipeline.cli.console import table
from pipeline.cli.counting import counted, more
from pipeline.ledger.money import dollars

Json = dict[str, Any]
SHOWN_LINES = 12
MOST_LINES = 2_000
"""Lines that `plan --all` shows: nobody reads more, and a table is held whole."""
MADE = ("new", "text", "voice", "model", "lexicon", "delivery", "missing", "failed", "lapsed", "fresh")
NAMED_LINES = 5
LEFT_TO_PEOPLE = {
    "locked-conflict": "locked, and the sheet asks for something else. `callsheet unlock` lets plans change them.",
    "retake": "the take was rejected. `callsheet retake PRODUCTION --only state:rejected` makes others; no plan does.",
}
STYLES = {
    "new": "green",
    "failed": "red",
    "lapsed": "red",
    "unclear": "bold red",
    "reused": "dim",
    "shared": "cyan",
    "fresh": "cyan",
    "under way": "blue",
}


def plan_view(plan: Json, *, every_line: bool) -> Group:
    """Show what would be made, why and for how much; `every_line` lists those that are reused too."""
    parts: list[Table | Text] = [_voices_table(plan["voices"]), Text()]
    lines = plan["lines"] if every_line else [line for line in plan["lines"] if line["reason"] in MADE]
    if lines:
        total = plan["totals"]["lines" if every_line else "lines_to_speak"]
        parts += [
            _lines_table(lines[: MOST_LINES if every_line else SHOWN_LINES], total, every_line=every_line),
            Text(),
        ]
    if plan["by_character"] and plan["spent"]["before_micros"]:
        parts += [plan_notes.characters_table(plan["by_character"]), Text()]
    parts.append(Text.from_markup(plan_summary(plan)))
    told = (*plan_notes.by_language(plan["by_language"]), *plan_notes.to_know(plan))
    told += (*_left_to_people(plan), *review.left_by_plan(plan))
    parts += [Text.from_markup(line) for line in told]
    return Group(*parts)


def _left_to_people(plan: Json) -> Iterable[str]:
    """Name the lines that a plan leaves alone because a person has locked them, or rejected their takes."""
    for reason, told in LEFT_TO_PEOPLE.items():
        count = plan["by_reason"].get(reason, 0)
        named = [escape(line["line_id"]) for line in plan["lines"] if line["reason"] == reason][:NAMED_LINES]
        if count:
            yield f"{_reason(reason)}  {', '.join(named)}{more(count - len(named))}: {told}"


def plan_summary(plan: Json) -> str:
    """Sum a plan up in two sentences."""
    totals, gone, over = plan["totals"], plan["totals"]["lines_removed"], plan["over_budget"]
    left_out = f", {totals['lines_left_out']} left out" if totals["lines_left_out"] else ""
    left = counted(gone, "line is", "lines are")
    removed = f" {left} no longer on the sheet; their takes are kept." if gone else ""
    return (
        f"{_bold(totals['voices_to_make'], 'voice')} to make, {_bold(totals['lines_to_speak'], 'line')} to speak"
        f" ({totals['chars_to_speak']:,} characters), {totals['lines_shared']} share a take,"
        f" {totals['lines_reused']} reused{left_out}.{removed}\n"
        f"Cost: [bold]{dollars(totals['total_micros'])}[/]"
        f" (voices {dollars(totals['voices_micros'])}, lines {dollars(totals['lines_micros'])})"
        f" at {escape(plan['provider'])}.{plan_notes.before_and_after(plan['spent'])}{review.beyond_plan(plan)}"
        + (f"\n[bold red]Over budget[/]  {escape(over['message'])}" if over else "")
    )


def explained_view(told: Json) -> Group:
    """Show why one line would be made or not: what is wanted beside what was applied last."""
    made = table("", "", "as last applied", "now")
    before, now = told["before"] or {}, told["now"]
    for name in ("text", "said", "voice", "model", "format", "speed", "pitch", "volume", "emotion"):
        if name not in told["changed"] and (now[name] is None or (name == "said" and now["said"] == now["text"])):
            continue  # left to the voice, or said as it is written
        style = "yellow" if name in told["changed"] else "dim"
        was = _fact(before, name) if name in before else ""
        made.add_row(f"[{style}]{name}[/]", escape(was), escape(_fact(now, name)))
    shared = f" with {escape(told['shares_with'])}" if told["shares_with"] else ""
    price = f"[bold]{dollars(told['price'])}[/] ({now['chars']} characters; {dollars(now['full_price'])} to speak it)"
    lines = [
        f"[bold]{escape(told['line_id'])}[/] {escape(told['character'])}: {_reason(told['reason'])}{shared}",
        escape(told["why"]),
        f"price  {price}",
    ]
    return Group(*map(Text.from_markup, lines), Text(), made, *_take_told(told["take"]))


def _take_told(take: Json | None) -> list[Text]:
    if take is None:
        return []
    length = f", {take['seconds']:.1f} s" if take["seconds"] else ""
    problem = f": {escape(take['problem'])}" if take["problem"] else ""
    told = f"take   {take['id']} is {take['state']}{length}, cost {dollars(take['cost'])}{problem}"
    return [Text(), Text.from_markup(told)]


def _fact(facts: Json, name: str) -> str:
    if name == "voice":
        return _short(facts["voice_source"] or f"another: {facts['voice']}", 48)
    return "the voice's own" if facts[name] is None else str(facts[name])


def run_view(status: Json) -> Group:
    """Show how a run stands."""
    lines = [_headline(status), _counts(status["takes"]), _money(status), _time(status), *review.run_facts(status)]
    if status.get("paused"):
        lines.insert(1, f"[yellow]paused[/] {escape(status['paused']['message'])}")
        lines.insert(2, f"       {escape(status['paused']['hint'])}")
    if status.get("slowed"):
        lines.append(f"limit  {escape(slowed(status['slowed']))}")
    lines += [
        f"[red]voice {escape(v['label'])}[/] {v['state']}: {escape(v['message'] or v['problem'])}"
        for v in status["voices"]
        if v["problem"]
    ]
    for failure in status["failures"]:
        said = f": {escape(failure['message'])}" if failure["message"] else ""
        lines.append(f"[red]{counted(failure['count'], 'line')}[/] {failure['cause']}{said}")
        lines.append(f"       [dim]{escape(failure['next'])}[/]")
    rejected = status.get("wanting_retakes") or {"count": 0, "lines": []}
    if rejected["count"]:
        named = rejected["lines"][:NAMED_LINES]
        rest = more(rejected["count"] - len(named))
        lines.append(f"{_reason('retake')} {escape(', '.join(named))}{rest}: {LEFT_TO_PEOPLE['retake']}")
    return Group(*(Text.from_markup(line) for line in lines))


def slowed(slow: Json) -> str:
    """Say how many calls a provider allows and how many it is sent since it has refused some for speed."""
    wait = slow["cooldown_seconds"]
    cooling = f"; nobody calls for {math.ceil(wait)} s" if wait else ""
    return (
        f"{slow['provider']} allows {slow['calls_at_once']} calls at once and {slow['calls_per_minute']} a minute;"
        f" it refused some for speed, so {slow['learnt_share']:.0%} of that pace is used{cooling}"
    )


def left_over(status: Json) -> str:
    """Say what a run that a cap has stopped has made, what is left, and how to go on."""
    takes, voices = status["takes"], [voice for voice in status["voices"] if voice["state"] != "ready"]
    left = f"{counted(takes['total'] - takes['done'], 'line')} and {counted(len(voices), 'voice')}"
    return (
        f"[bold]Next[/]  The budget ended before the work did: {takes['done']} of {takes['total']} lines are spoken,"
        f" {left} are left; what is made is kept.\n"
        "      callsheet plan says what the rest costs; callsheet apply --budget AMOUNT goes on."
    )


def kept(status: Json) -> str:
    """Say what a run that was cancelled has made, and how to go on."""
    takes = status["takes"]
    return (
        f"[bold]Next[/]  {takes['done']} of {takes['total']} lines are spoken and kept, for"
        f" {dollars(status['spent_micros'])}; nothing more is spent.\n"
        f"      callsheet retry {status['id']} --cause cancelled goes on with the rest."
    )


def cancelled(answer: Json) -> str:
    """Say what was cancelled, what is kept, and what it has cost."""
    takes, some = answer["takes"], answer["cancelled"]
    speaking = some["speaking"] if some else takes["speaking"]
    lines = f"{counted(some['takes'], 'line')} of " if some else ""
    verb = "are" if some and some["takes"] != 1 else "is"
    what = f"{lines}{answer['id']} {verb} cancelled"
    finished = f" {counted(speaking, 'call is', 'calls are')} under way and will be finished." if speaking else ""
    spent = dollars(answer["spent_micros"])
    return f"{what}.{finished} {takes['done']} of {takes['total']} lines are spoken and kept, for {spent} so far."


def retry_view(retry: Json) -> Text:
    """Show what a retry would make, why and for how much."""
    causes = ", ".join(f"{count} {escape(cause)}" for cause, count in retry["causes"].items())
    left = ", ".join(f"{count} {escape(cause)}" for cause, count in retry["left"].items())
    over = retry["over_budget"]
    told = (
        f"{_bold(retry['voices'], 'voice')} to make, {_bold(retry['lines'], 'line')} to speak"
        f" ({retry['chars']:,} characters){': ' + causes if causes else ''}.\n"
        f"Cost: [bold]{dollars(retry['total_micros'])}[/] (voices {dollars(retry['voices_micros'])},"
        f" lines {dollars(retry['lines_micros'])}) at {escape(retry['provider'])}."
        + (f"\n[yellow]left out[/]  {left}: callsheet status {retry['run']} says what to do." if left else "")
        + (f"\n[bold red]Over budget[/]  {escape(over['message'])}" if over else "")
    )
    return Text.from_markup(told)


def _bold(number: int, what: str) -> str:
    return f"[bold]{counted(number, what)}[/]"


def _time(status: Json) -> str:
    rate, eta = status["takes_per_second"], status["eta_seconds"]
    pace = f", {rate:.1f} lines a second" if rate else ""
    left = f", about {eta:.0f} s left" if eta is not None else ""
    return f"time   {status['elapsed_seconds']:.1f} s{pace}{left}"


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


def voice_view(voice: Json) -> Group:
    """Show one voice: whose it is, what it was made of, and what it has spoken."""
    made = table("", "", "")
    for name, told in _voice_facts(voice):
        if told:
            made.add_row(f"[dim]{name}[/]", escape(told))
    parts: list[Table | Text] = [Text.from_markup(f"[bold]{escape(voice['label'] or voice['id'])}[/]"), made]
    if voice["spoken"]:
        spoken = table("Spoken", "production", "takes", "characters", "price", right=frozenset({"takes", "characters"}))
        for one in voice["spoken"]:
            figures = (str(one["takes"]), f"{one['chars']:,}", dollars(one["cost_micros"]))
            spoken.add_row(escape(one["production"]), *figures)
        parts += [Text(), spoken]
    return Group(*parts)


def _voice_facts(voice: Json) -> list[tuple[str, str]]:
    reference, audition, consent = voice["reference"] or {}, voice["audition"] or {}, voice["consent"] or {}
    allowed = "synthetic" if consent.get("synthetic") else consent.get("granted_by") or ""
    return [
        ("id", voice["id"]),
        ("voice id", voice["voice_id"] or ""),
        ("kind", f"{voice['kind']}, {voice['state']}"),
        ("at", f"{voice['provider']} {voice['model']}".strip()),
        ("made of", reference.get("file") or voice["description"] or ""),
        ("talent", consent.get("talent") or ""),
        ("allowed by", f"{allowed}{', revoked' if consent.get('revoked_at') else ''}"),
        ("made", voice["created_at"] or ""),
        ("lapses", voice["lapses_at"] or ""),
        ("first words", f"{audition['text']} ({audition['state']})" if audition else ""),
        ("problem", voice["message"] or voice["problem"] or ""),
        ("listen", "; ".join(one["message"] for one in (reference.get("measured") or {}).get("warnings", ()))),
    ]


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


def _lines_table(lines: list[Json], total: int, *, every_line: bool) -> Table:
    made = table("Lines", "line", "character", "why", "characters", "price", right=frozenset({"characters", "price"}))
    for line in lines:
        why = _reason(line["reason"]) + (f" with {escape(line['shares_with'])}" if line["shares_with"] else "")
        price = dollars(line["price"]) if line["price"] else ""
        made.add_row(escape(line["line_id"]), escape(line["character"]), why, str(line["chars"]), price)
    if total > len(lines):
        all_of_them = "--json" if every_line else "callsheet plan --all"
        made.add_row(f"[dim]and {total - len(lines)} more ({all_of_them} lists them)[/]")
    return made


def _reason(reason: str) -> str:
    style = STYLES.get(reason, "yellow")
    return f"[{style}]{reason}[/]"


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
