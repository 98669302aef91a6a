"""The takes of single lines: as tables, and as files to compare."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.cli import review
from pipeline.cli.client import Client, require_whole
from pipeline.cli.console import table
from pipeline.cli.counting import counted, more
from pipeline.cli.disk import write_whole, writing_to
from pipeline.errors import EnvironmentFault
from pipeline.intake.rules import Refusal
from pipeline.intake.rules.names import project_path
from pipeline.ledger.money import dollars

Json = dict[str, Any]
STYLES = {"approved": "green", "rejected": "red", "failed": "red", "blocked": "red", "missing": "red"}
TEXT_SHOWN, IDS_SHOWN = 48, 5


def retake_view(retake: Json) -> Text:
    """Show what more takes of lines would cost."""
    lines, over = retake["lines"], retake["over_budget"]
    named = ", ".join(escape(line["line_id"]) for line in lines[:IDS_SHOWN]) + more(len(lines) - IDS_SHOWN)
    told = (
        f"[bold]{counted(retake['takes'], 'take')}[/] to speak of {named} ({retake['chars']:,} characters),"
        f" [bold]{counted(retake['voices'], 'voice')}[/] to make.\n"
        f"Cost: [bold]{dollars(retake['total_micros'])}[/] (voices {dollars(retake['voices_micros'])},"
        f" lines {dollars(retake['lines_micros'])}) at {escape(retake['provider'])}."
        + (f"\n[bold red]Over budget[/]  {escape(over['message'])}" if over else "")
    )
    return Text.from_markup(told)


def takes_table(takes: Sequence[Json]) -> Table:
    """List takes; the chosen one of each line is marked."""
    columns = ("line", "take", "", "state", "heard", "spoken", "seconds", "price", "voice", "text", "direction", "note")
    made = table("Takes", *columns, right=frozenset({"take", "seconds", "price"}))
    for take in takes:
        made.add_row(
            escape(take["line"]),
            str(take["number"]),
            _marks(take),
            _state(take),
            _heard(take),
            take["spoken_at"] or "",
            f"{take['seconds']:.1f}" if take["seconds"] is not None else "",
            dollars(take["cost_micros"]) if take["cost_micros"] else "",
            escape(take["voice"] or ""),
            escape(_short(take["text"] or "")),
            escape(_short(take["direction"])),
            escape(_short(_said(take))),
        )
    return made


def fetch(client: Client, takes: Iterable[Json], folder: Path) -> list[str]:
    """Write the audio of every take that is spoken into a folder, and return the names of the files."""
    spoken = [take for take in takes if take["url"]]
    for take in spoken:
        _require_plain(take["file"])
    with writing_to(folder):
        for take in spoken:
            content = require_whole(client.download(take["url"]), take["sha256"], take["file"])
            write_whole(folder / take["file"], content)
    return [take["file"] for take in spoken]


def _require_plain(file: str) -> None:
    """Raise `EnvironmentFault` where the API names a file outside the folder: it is not believed."""
    try:
        path = project_path(file)
    except Refusal:
        path = ""
    if not path or path != file or "/" in file:
        raise EnvironmentFault(
            f"The API names a file that is not in the folder: {file!r:.100}.",
            hint="Nothing was written. Is CALLSHEET_API_URL the API you mean?",
        )


def _marks(take: Json) -> str:
    locked = " [yellow]locked[/]" if take["chosen"] and take["locked"] else ""
    return f"[bold]chosen[/]{locked}" if take["chosen"] else ""


def _state(take: Json) -> str:
    state = take["verdict"] or ("made" if take["state"] == "done" else take["state"])
    style = STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def _heard(take: Json) -> str:
    outcome = take.get("heard")
    return f"[{review.STYLES[outcome]}]{outcome}[/]" if outcome else ""


def _said(take: Json) -> str:
    if take["note"] or take["decided_by"]:
        return " ".join(filter(None, (take["note"], f"({take['decided_by']})" if take["decided_by"] else "")))
    return take["error"] or (take.get("heard_why") if take.get("heard") == "bad" else "") or ""


def _short(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else f"{text[: TEXT_SHOWN - 1]}…"
