"""say: hear how a character says a word, before a production is spoken."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import outcome
from pipeline.cli.client import Client, require_whole
from pipeline.cli.console import data, show_json
from pipeline.cli.console import say as tell
from pipeline.cli.context import context
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.options import PANEL, AsJson, ProjectPath, Yes
from pipeline.cli.submission import LocalProject
from pipeline.errors import UsageError
from pipeline.ledger.money import BudgetMode, dollars

Json = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command(rich_help_panel=PANEL)(say)


def say(  # noqa: PLR0913 - an option each
    project: ProjectPath,
    text: Annotated[str, typer.Argument(help="A word or a sentence.")],
    *,
    character: Annotated[
        str | None, typer.Option(help="Who says it; needed where the project has several characters.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="One of the project's; without it, the source.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; say with the format's ending without it.")] = None,
    budget: Annotated[str | None, typer.Option(help="Most this may spend, in dollars, such as 1.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Say a text once as a character would, with the lexicon's words as they are said, and fetch it.

    What was said before is fetched again for nothing. It is part of no sheet, no history and no pack.
    """
    local = LocalProject.read(project)
    client = context.client()
    wish = {"text": text, "character": character or _only_character(local), "language": language}
    body = {**local.plan_body(client), **wish, "budget_micros": outcome.cap(budget)}
    told = client.post("/says/plan", body, takes_long=True)
    _show(told)
    if told["take"] is None:
        _speak(client, local, told, {**wish, "budget_micros": body["budget_micros"]}, yes=yes)
        told = client.post("/says/plan", body, takes_long=True)
    file = _fetch(client, told["take"], out)
    show_json({**told, "file": str(file)}) if as_json else data.print(escape(str(file)), soft_wrap=True)


def _only_character(local: LocalProject) -> str:
    known = list(local.project.characters)
    if len(known) > 1:
        raise UsageError("Who says it?", hint=f"Add --character with one of {', '.join(known)}.")
    return known[0]


def _show(told: Json) -> None:
    said = f", said [bold]{escape(told['said'])}[/]" if told["said"] != told["text"] else ""
    price = "spoken before, for nothing" if told["take"] else dollars(told["total_micros"])
    tell(f"{escape(told['character'])} ({told['language']}): {escape(told['text'])}{said}: {price}.")


def _speak(client: Client, local: LocalProject, told: Json, wish: Json, *, yes: bool) -> None:
    """Have it spoken, at the price that is agreed to; leaves with the exit code of a run that has not done it."""
    outcome.heed(told["over_budget"], BudgetMode.HARD)
    if not yes and told["total_micros"]:
        outcome.ask(told["total_micros"])
    local.upload(client, lambda name, size: tell(f"uploaded {escape(name)} ({size / 1e6:.1f} MB)"))
    body = {"project": local.name, "files": local.hashes, "agreed": told["digest"], **wish}
    run = outcome.watch(client, client.post("/says", body, takes_long=True))
    if run["state"] != "done":
        raise typer.Exit(outcome.report(run))


def _fetch(client: Client, take: Json, out: Path | None) -> Path:
    file = out or Path(f"say.{take['extension']}")
    content = require_whole(client.download(take["url"]), take["sha256"], "What was said")
    with writing_to(file.parent):
        write_whole(file, content)
    return file
