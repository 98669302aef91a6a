"""pause, resume, cancel, retry: what a person does to a run."""

from typing import Annotated, Any

import typer

from pipeline.cli import outcome, render
from pipeline.cli.client import segment
from pipeline.cli.console import data, say, show_json, talk
from pipeline.cli.context import context
from pipeline.cli.options import PANEL, AsJson, Detach, Mode, Yes
from pipeline.errors import ExitCode
from pipeline.ledger.money import BudgetMode

Json = dict[str, Any]
LATEST = "latest"
OpenRun = Annotated[
    str, typer.Argument(help="Id of a run, or name of a production; without it, the newest that is under way.")
]
PausedRun = Annotated[
    str, typer.Argument(help="Id of a run, or name of a production; without it, the newest that is paused.")
]
AnyRun = Annotated[
    str, typer.Argument(help="Id of a run, or name of a production: its newest; the newest of all without it.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (pause, resume, cancel, retry):
        app.command(rich_help_panel=PANEL)(command)


def pause(run: OpenRun = LATEST, *, as_json: AsJson = False) -> None:
    """Start nothing more of a run until it is resumed. Calls under way are finished; nothing is lost."""
    held = context.client().post(f"/runs/{segment(run)}/pause", {})
    if as_json:
        show_json(held)
        return
    data.print(render.run_view(held))
    say(f"[bold]Next[/]  callsheet resume {held['id']}")


def resume(run: PausedRun = LATEST, *, as_json: AsJson = False) -> None:
    """Let a paused run go on, one that was stopped by failures in a row included."""
    going = context.client().post(f"/runs/{segment(run)}/resume", {})
    if as_json:
        show_json(going)
        return
    data.print(render.run_view(going))
    say(f"[bold]Next[/]  callsheet status {going['id']} --watch")


def cancel(
    run: OpenRun = LATEST,
    *,
    character: Annotated[
        list[str] | None, typer.Option(help="Cancel the lines of this character alone; may be given again.")
    ] = None,
    line: Annotated[
        list[str] | None, typer.Option(help="Cancel the line of this id alone; may be given again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start nothing more of a run, or of some of its lines, for good. What was made is kept.

    It takes effect at once, whatever the size. Calls under way are finished and paid; `callsheet retry` opens what
    was cancelled again.
    """
    chosen = {"characters": character or [], "lines": line or []}
    ended = context.client().post(f"/runs/{segment(run)}/cancel", chosen, takes_long=True)
    if as_json:
        show_json(ended)
        return
    say(render.cancelled(ended))


def retry(  # noqa: PLR0913 - an option each
    run: AnyRun = LATEST,
    *,
    cause: Annotated[
        list[str] | None, typer.Option(help="Retry what failed for this cause alone, as `status` names it; repeatable.")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="Retry the line of this id alone; repeatable.")] = None,
    budget: Annotated[str | None, typer.Option(help="Most this may spend, in dollars, such as 25.")] = None,
    budget_mode: Mode = BudgetMode.HARD,
    yes: Yes = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Make what a run has not brought, and nothing that exists: failed lines and voices, at the price that is shown.

    A new run does it. What a person has cancelled is opened again by --cause cancelled or by its --line.
    """
    client = context.client()
    choice = {"causes": cause or [], "lines": line or [], "budget_micros": outcome.cap(budget)}
    drawn = client.post(f"/runs/{segment(run)}/retry/plan", choice)
    talk.print(render.retry_view(drawn))
    if not drawn["lines"]:
        show_json(drawn) if as_json else say("Nothing was started.")
        raise typer.Exit(ExitCode.PARTIAL if drawn["left"] else ExitCode.OK)
    outcome.heed(drawn["over_budget"], budget_mode)
    if not yes and drawn["total_micros"]:
        outcome.ask(drawn["total_micros"])
    bounds = {"agreed": drawn["digest"], "budget_mode": budget_mode}
    started = client.post(f"/runs/{segment(drawn['run'])}/retry", choice | bounds, takes_long=True)
    if not detach:
        started = outcome.watch(client, started)
    if as_json:
        show_json(started)
    raise typer.Exit(outcome.report(started))
