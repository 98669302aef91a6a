"""What a plan says beside its lines: money before and after it, its languages, and voices that lapse."""

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from pipeline.cli import unlisted
from pipeline.cli.console import table
from pipeline.cli.counting import counted, more
from pipeline.ledger.money import dollars

Json = dict[str, Any]
SHOWN_CHARACTERS = 12
NAMED_LINES = 5


def characters_table(rows: list[Json]) -> Table:
    """Show what each character's lines have cost, and will have cost; the dearest first."""
    money = ("spent", "this plan", "after")
    right = frozenset({"lines", "spoken", "to speak", *money})
    made = table("Characters", "character", "lines", "spoken", "to speak", *money, right=right)
    for row in sorted(rows, key=lambda row: -row["after_micros"])[:SHOWN_CHARACTERS]:
        counts = (str(row[name]) for name in ("lines", "lines_spoken_before", "lines_to_speak"))
        amounts = (dollars(row[f"{name}_micros"]) for name in ("before", "plan", "after"))
        made.add_row(escape(row["character"]), *counts, *amounts)
    if len(rows) > SHOWN_CHARACTERS:
        made.add_row(f"[dim]and {len(rows) - SHOWN_CHARACTERS} more (--json lists them)[/]")
    return made


def before_and_after(spent: Json) -> str:
    """Say what the production has cost before a plan, and will have cost after it; nothing of one that is new."""
    before, after = (dollars(spent[f"{when}_micros"]) for when in ("before", "after"))
    return f" {before} spent before, {after} after." if spent["before_micros"] else ""


def by_language(languages: Json) -> Iterable[str]:
    """Say what is to be spoken in each language."""
    for language, total in languages.items():
        yield (
            f"{language}  {counted(total['lines'], 'line')}, [bold]{total['lines_to_speak']}[/] to speak"
            f" ({total['chars_to_speak']:,} characters, {dollars(total['micros'])})"
        )


def to_know(plan: Json) -> Iterable[str]:
    """Tell of lines without a text or without a row, and of voices that the provider deletes or does not list."""
    yield from (f"[yellow]missing[/]  {told}" for told in missing_languages(plan["missing_languages"]))
    yield from _removed(plan)
    yield from (unlisted.told(voice, plan["provider"]) for voice in plan.get("unlisted_voices", ()))
    for voice in plan["lapsing_voices"]:
        label, characters = escape(voice["label"]), escape(", ".join(voice["characters"]))
        if voice["is_gone"]:
            yield f"[red]gone[/]  the voice {label} of {characters}: {escape(voice['message'] or '')}"
        else:
            hours = counted(voice["seconds_left"] // 3600, "hour")
            yield f"[yellow]lapses[/]  the voice {label} of {characters} is deleted in {hours} unless it speaks."


def _removed(plan: Json) -> Iterable[str]:
    """Name the lines that are no longer on the sheet: one that was renamed is among them."""
    gone, count = plan.get("removed", []), plan["totals"]["lines_removed"]
    if gone:
        yield f"[yellow]removed[/]  {escape(', '.join(gone[:NAMED_LINES]))}{more(count - len(gone[:NAMED_LINES]))}"


def missing_languages(missing: Json) -> Iterable[str]:
    """Say which lines have no text in a language of the production."""
    for language, lacking in missing.items():
        named = lacking["ids"][:NAMED_LINES]
        rest = more(lacking["lines"] - len(named))
        lines = counted(lacking["lines"], "line has", "lines have")
        yield f"{lines} no text in {language}: {escape(', '.join(named))}{rest}"
