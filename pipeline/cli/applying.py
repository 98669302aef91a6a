"""From a plan that was shown to a run: the price is agreed to, the files are sent, the run is started."""

from typing import Any

import typer
from rich.markup import escape

from pipeline.cli import outcome, render
from pipeline.cli.client import Client
from pipeline.cli.console import say, talk
from pipeline.cli.submission import LocalProject
from pipeline.cli.unlisted import unlisted_voices
from pipeline.errors import ExitCode
from pipeline.ledger.money import BudgetMode

Json = dict[str, Any]


def draw(client: Client, body: Json) -> Json:
    """Ask for a plan that is to be carried out, and the provider for the voices of it that it does not list.

    A plan that is only looked at asks no provider.
    """
    drawn = client.post("/plans", body, takes_long=True)
    return {**drawn, "unlisted_voices": unlisted_voices(client, drawn)}


def agree(drawn: Json, mode: BudgetMode, *, yes: bool) -> None:
    """Show a plan, and ask whether it may cost what it says; leaves where it may not."""
    talk.print(render.plan_view(drawn, every_line=False))
    outcome.heed(drawn["over_budget"], mode)
    if not yes and drawn["totals"]["total_micros"]:
        outcome.ask(drawn["totals"]["total_micros"])


def start(client: Client, local: LocalProject, drawn: Json, bounds: Json) -> Json:
    """Send what the API does not have, and start the run of a plan that was agreed to."""
    local.upload(client, lambda name, size: say(f"uploaded {escape(name)} ({size / 1e6:.1f} MB)"))
    body = {"project": local.name, "files": local.hashes, "agreed": drawn["digest"], **bounds}
    try:
        return client.post("/runs", body, takes_long=True)
    except KeyboardInterrupt:
        say("\nStopped while the run was being started; it may go on. [bold]callsheet status[/] tells.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
