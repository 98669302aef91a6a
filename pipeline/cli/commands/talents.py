"""talents, suspend, reinstate: who lends a voice, what was made of it, and that nothing more may be."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import talents as views
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, stream_json
from pipeline.cli.context import context
from pipeline.cli.disk import writing_to
from pipeline.cli.options import PANEL, AsJson, Reason, os_user
from pipeline.cli.pack.keeping import write_text
from pipeline.cli.sheets import csv_lines
from pipeline.cli.statements import tables_of
from pipeline.errors import UsageError

Json = dict[str, Any]
TalentName = Annotated[str, typer.Argument(help="The talent's name; case and spacing do not matter.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (talents, suspend, reinstate):
        app.command(rich_help_panel=PANEL)(command)


def talents(
    name: Annotated[str | None, typer.Argument(help="Show this talent; case and spacing do not matter.")] = None,
    *,
    lines: Annotated[bool, typer.Option("--lines", help="List every line made under the talent's consents.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write those lines to this file, for spreadsheets.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who lends a voice: what they allow and until when, what was spoken with it and what that has cost.

    With a name, one talent's consents, suspensions, voices and productions; with --lines every single line.
    """
    if csv and as_json:
        raise UsageError("--json and --csv are two forms of the same.", hint="Choose one of them.")
    client = context.client()
    if name is None:
        if lines or csv:
            raise UsageError("Whose lines?", hint="callsheet talents NAME --lines; callsheet talents lists the names.")
        listed = client.get("/talents")["data"]
        show_json(listed) if as_json else data.print(views.talents_table(listed))
    elif lines or csv:
        _show_lines(client, name, csv, as_json=as_json)
    else:
        shown = client.get(f"/talents/{segment(name)}")
        show_json(shown) if as_json else data.print(views.talent_view(shown))


def suspend(name: TalentName, *, reason: Reason, as_json: AsJson = False) -> None:
    """Make and speak nothing more with a talent's voices, under whatever consent. What exists is kept and delivered.

    It takes effect at once: lines in the queue are blocked, voices not sent are not made. Calls under way are finished.
    """
    wish = {"reason": reason, "by": os_user()}
    told = _said(name, "suspend", wish)
    if as_json:
        show_json(told)
        return
    for sentence in views.stopped(told):
        say(sentence)
    say(f"[bold]Next[/]  callsheet talents {escape(_quoted(told['talent']))} --lines   lists what exists.")


def reinstate(name: TalentName, *, reason: Reason, as_json: AsJson = False) -> None:
    """Let a suspended talent's voices be made and speak again, as far as the consents reach. Nothing is started."""
    told = _said(name, "reinstate", {"reason": reason, "by": os_user()})
    if as_json:
        show_json(told)
        return
    was = "is reinstated" if told["changed"] else "was not suspended"
    say(f"{escape(told['talent'])} {was}. [bold]Next[/]  callsheet apply, or callsheet retry, makes what was stopped.")


def _said(name: str, what: str, wish: Json) -> Json:
    """Say something of a talent; stopping a million lines takes a while."""
    return context.client().post(f"/talents/{segment(name)}/{what}", wish, takes_long=True)


def _show_lines(client: Client, name: str, csv: Path | None, *, as_json: bool) -> None:
    rows = client.pages(f"/talents/{segment(name)}/lines", "key")
    if csv is not None:
        with writing_to(csv.parent):
            write_text(csv, csv_lines(views.LINE_COLUMNS, rows))
        say(f"The lines are in {escape(str(csv))}.")
    elif as_json:
        stream_json("lines", rows, talent=name)
    else:
        for part in tables_of(rows, views.lines_table):
            data.print(part)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
