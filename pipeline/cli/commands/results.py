"""status, pull, voices: what a run has brought."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli import follow, render
from pipeline.cli.client import segment
from pipeline.cli.console import data, say, show_json
from pipeline.cli.context import context
from pipeline.cli.options import PANEL, AsJson
from pipeline.cli.pack import Puller

AllowedRun = Annotated[str | None, typer.Argument(help="Id of a run; the newest without it.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (status, pull, voices):
        app.command(rich_help_panel=PANEL)(command)


def status(
    run: AllowedRun = None,
    *,
    watch: Annotated[bool, typer.Option(help="Watch the run to its end.")] = False,
    every_run: Annotated[bool, typer.Option("--all", help="List the runs and productions.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a run stands: counts, money, failures by cause."""
    client = context.client()
    if every_run:
        listed = {"runs": list(client.pages("/runs", "id")), "productions": client.get("/productions")["data"]}
        show_json(listed) if as_json else data.print(render.everything_view(listed["runs"], listed["productions"]))
        return
    found = client.get(f"/runs/{segment(run or 'latest')}")
    if watch and found["state"] == "running":
        found = follow.follow(client, found["id"])
    show_json(found) if as_json else data.print(render.run_view(found))
    if found["unclear_attempts"] and not as_json:
        say("[bold]Next[/]  callsheet reconcile   shows the paid calls whose outcome is unclear; none is repeated.")


def pull(
    production: Annotated[str, typer.Argument(help="Name of the production.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; without it, a folder named as it is.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a production's spoken lines, a file a line, with a manifest. Files that are there already stay."""
    client = context.client()
    folder = out or Path(production)
    pulled = Puller(client, folder).pull(production)
    if as_json:
        show_json(pulled)
        return
    data.print(escape(str(folder)), soft_wrap=True)
    say(
        f"{pulled['fetched']} files fetched, {pulled['kept']} were there already,"
        f" {len(pulled['missing'])} lines are not spoken yet."
    )


def voices(
    *,
    system: Annotated[bool, typer.Option(help="List the provider's own voices, which need no cloning.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the account's voices, and the paid calls whose outcome is unclear; `callsheet reconcile` decides them."""
    answer = context.client().get("/system-voices" if system else "/voices")
    if as_json:
        show_json(answer)
        return
    data.print(render.system_voices_table(answer["data"]) if system else render.voices_table(answer["data"]))
    for attempt in answer.get("unclear", []):
        say(f"[bold red]unclear[/] {attempt['id']} ({escape(attempt['label'])}): {escape(attempt['error'] or '')}")
