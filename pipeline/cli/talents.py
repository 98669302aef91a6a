"""Talents as commands show them: who has allowed what, whether it holds, what was made, what was stopped."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import table
from pipeline.cli.counting import counted
from pipeline.cli.sheets import Columns, dollars_of, text_of
from pipeline.ledger.money import dollars

Json = dict[str, Any]
LINE_COLUMNS: Columns = {
    "production": text_of("production"),
    "line": text_of("line"),
    "language": text_of("language"),
    "character": text_of("character"),
    "kind": text_of("kind"),
    "take": text_of("take"),
    "spoken_at": text_of("spoken_at"),
    "seconds": lambda row: row["seconds"],
    "cost_usd": dollars_of("cost"),
    "voice": text_of("voice"),
    "consent_sha256": text_of("consent"),
}
SHOWN = 12
"""Figures of a digest that tell it apart; `--json` and `--csv` have all."""


def talents_table(talents: Iterable[Json]) -> Table:
    """List talents."""
    columns = ("talent", "allowed until", "", "voices", "lines", "seconds", "price")
    made = table("Talents", *columns, right=frozenset({"lines", "seconds", "price"}))
    for one in talents:
        made.add_row(
            escape(one["talent"]),
            ", ".join(dict.fromkeys(consent["expires_on"] or "no end" for consent in one["consents"])),
            _standing(one["suspended"]),
            escape(", ".join(voice["label"] for voice in one["voices"])),
            f"{one['lines']:,}",
            f"{one['seconds']:,.1f}",
            dollars(one["cost_micros"]),
        )
    return made


def talent_view(one: Json) -> Group:
    """Show one talent: consents in full, what was said of it, voices, and lines by production."""
    head = f"[bold]{escape(one['talent'])}[/] {_standing(one['suspended'])}"
    tables = (_consents(one["consents"]), _events(one["events"]), _voices(one["voices"]))
    known = (part for part in (*tables, _productions(one["productions"])) if part.row_count)
    return Group(Text.from_markup(head), *known)


def lines_table(rows: Iterable[Json]) -> Table:
    """List lines that were made under a talent's consents."""
    columns = ("production", "line", "language", "character", "take", "spoken", "seconds", "price", "voice", "consent")
    made = table("Lines", *columns, right=frozenset({"seconds", "price"}))
    for row in rows:
        line = escape(row["line"]) or ("[dim]first words[/]" if row["kind"] == "audition" else "[dim]no line now[/]")
        made.add_row(
            escape(row["production"]),
            line,
            row["language"],
            escape(row["character"]),
            row["take"],
            row["spoken_at"] or "",
            f"{row['seconds'] or 0:.1f}",
            dollars(row["cost_micros"]),
            escape(row["voice"]),
            row["consent"][:SHOWN],
        )
    return made


def stopped(told: Json) -> Iterator[str]:
    """Say what a suspension has stopped, and what is under way."""
    was = "is suspended" if told["stopped"]["changed"] else "was suspended already"
    yield f"{escape(told['talent'])} {was}: {escape(told['suspended']['reason'])}"
    one = told["stopped"]
    lines = counted(one["lines"], "line in the queue is", "lines in the queue are")
    queued = f"{lines} not spoken, {counted(one['voices'], 'voice')} not made"
    runs = f", of {counted(len(one['runs']), 'run')}: {', '.join(one['runs'])}" if one["runs"] else ""
    yield f"{queued}{runs}."
    if one["lines_under_way"] or one["voices_under_way"]:
        under_way = f"{counted(one['lines_under_way'], 'line')} and {counted(one['voices_under_way'], 'voice')}"
        yield f"{under_way} were under way: those calls are finished, and paid."


def _standing(suspended: Json | None) -> str:
    if suspended is None:
        return ""
    return f"[bold red]suspended[/] since {suspended['since'][:16]}: {escape(suspended['reason'])}"


def _consents(consents: Iterable[Json]) -> Table:
    made = table("Consents", "declared", "by", "on", "for", "until", "statement", "digest")
    for one in consents:
        scope = one.get("scope") or {}
        made.add_row(
            one["declared_at"][:10],
            "synthetic" if one.get("synthetic") else escape(one.get("granted_by") or ""),
            one.get("granted_on") or "",
            escape("; ".join(f"{kind} {', '.join(names)}" for kind, names in scope.items() if names)) or "everything",
            one.get("expires_on") or "no end",
            escape(one.get("statement") or ""),
            one["sha256"][:SHOWN],
        )
    return made


def _events(events: Iterable[Json]) -> Table:
    made = table("Events", "at", "what", "reason", "by")
    for event in events:
        made.add_row(event["at"], event["action"], escape(event["reason"]), escape(event["by"]))
    return made


def _voices(voices: Iterable[Json]) -> Table:
    made = table("Voices", "voice", "at", "voice id", "state", "lapses", "price", "problem", right=frozenset({"price"}))
    for voice in voices:
        made.add_row(
            escape(voice["label"]),
            voice["provider"],
            escape(voice["voice_id"] or ""),
            voice["state"],
            (voice["lapses_at"] or "")[:16],
            dollars(voice["cost_micros"]),
            escape(voice["message"] or ""),
        )
    return made


def _productions(productions: Iterable[Json]) -> Table:
    figures = frozenset({"lines", "seconds", "price"})
    made = table("Spoken", "production", "lines", "seconds", "price", right=figures)
    for one in productions:
        spoken = (f"{one['lines']:,}", f"{one['seconds']:,.1f}", dollars(one["cost_micros"]))
        made.add_row(escape(one["production"]), *spoken)
    return made
