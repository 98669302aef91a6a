"""What apply and retry share: the price that is agreed to, the watching, and the exit code of how a run ended."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import typer
from rich.markup import escape

from pipeline.cli import follow, render, review
from pipeline.cli.client import Client
from pipeline.cli.console import say, talk
from pipeline.errors import (
    BudgetExceeded,
    Cancelled,
    ConsentRequired,
    ExitCode,
    ProviderFundsMissing,
    ProviderKeyRefused,
    UsageError,
    WasteCapReached,
)
from pipeline.ledger.money import BudgetMode, dollars, parse_dollars

Json = dict[str, Any]
EXITS = {
    fault.code: fault.exit_code for fault in (BudgetExceeded, ConsentRequired, ProviderFundsMissing, ProviderKeyRefused)
}


def heed(over_budget: Json | None, mode: BudgetMode) -> None:
    """Refuse a plan that a cap has no room for, before anything is uploaded; or say that it will not get to its end."""
    if over_budget is None:
        return
    told = {name: value for name, value in over_budget.items() if name != "code"}
    refused = BudgetExceeded(told.pop("message"), hint=told.pop("hint"), **told)
    if mode is BudgetMode.HARD:
        raise refused
    say("[yellow]budget[/]  The money is not enough for all of this; the run stops at the cap and keeps what it has.")


def with_leave(plan: Iterator[Json]) -> Iterator[Json]:
    """Return a plan's rows as they are, the whole first; raises `ConsentRequired` where it needs who is suspended."""
    whole = next(plan)
    if refused := whole.get("suspended"):
        raise ConsentRequired(**{name: value for name, value in refused.items() if name != "code"})
    return chain([whole], plan)


def ask(price: int) -> None:
    """Ask whether `price` micro-dollars may be spent; leaves where they may not."""
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to agree to the price.", hint="Add --yes to go on without being asked.")
    if not typer.confirm(f"Spend up to {dollars(price)}?", err=True):
        say("Nothing was started.")
        raise typer.Exit(ExitCode.INTERRUPTED)


def cap(budget: str | None) -> int | None:
    """Return what --budget says in micro-dollars."""
    try:
        return None if budget is None else parse_dollars(budget)
    except ValueError as error:
        raise UsageError(f"--budget: {error}.", hint="Write dollars, such as --budget 25.") from None


def watch(client: Client, run: Json) -> Json:
    """Watch a run until it is over or waits for a person; Ctrl-C ends the watching alone."""
    try:
        return follow.follow(client, run["id"])
    except KeyboardInterrupt:
        say(f"\nStopped watching; the run goes on. [bold]callsheet status {run['id']} --watch[/] comes back to it.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def report(run: Json) -> ExitCode:
    """Say how a run ended and return the exit code that says the same."""
    talk.print(render.run_view(run))
    if run["state"] == "running":
        return _report_running(run)
    if run["unclear_attempts"]:
        say("[bold]Next[/]  callsheet reconcile   shows the paid calls whose outcome is unclear; none is repeated.")
        return ExitCode.RECONCILE
    if run["state"] == "done":
        return _report_done(run)
    if run["reason"] == Cancelled.code:
        say(render.kept(run))
    if run["reason"] == BudgetExceeded.code:
        say(render.left_over(run))
    if run["reason"] == WasteCapReached.code:
        say(f"[bold]Next[/]  {run['wasted_calls']} paid calls brought nothing; once that is mended, callsheet apply.")
    if run["reason"]:
        return EXITS.get(run["reason"], ExitCode.PARTIAL)
    return _exit_of_failures(run)


def _report_done(run: Json) -> ExitCode:
    """Say what comes next; where a retake is bad, what was asked for is there in part only."""
    production, retaken = run["production"], review.bad_retakes(run)
    if retaken:
        command = f"callsheet takes {production} {' '.join(retaken)} --fetch FOLDER"
        say(f"[bold]Next[/]  {escape(command)}   brings the audio")
    elif (run.get("in_review") or {}).get("count"):
        say(f"[bold]Next[/]  callsheet takes {escape(production)} --review")
    else:
        say(f"[bold]Next[/]  callsheet pull {escape(production)}")
    return ExitCode.PARTIAL if retaken else ExitCode.OK


def _report_running(run: Json) -> ExitCode:
    """Say where a run that goes on is seen; where it waits for a person the exit code says for what."""
    paused = run.get("paused")
    if follow.is_held_up(run):
        say(f"[bold]Next[/]  {escape(run['paused']['hint'])}")
        return ExitCode.PARTIAL
    todo = f"{escape(paused['hint'])} Then the run goes on by itself:\n      " if paused else ""
    say(f"[bold]Next[/]  {todo}callsheet status {run['id']} --watch")
    return EXITS.get(paused["code"], ExitCode.OK) if paused else ExitCode.OK


def _exit_of_failures(run: Json) -> ExitCode:
    causes = {failure["cause"] for failure in run["failures"]}
    is_refused = causes == {ConsentRequired.code} and not run["takes"]["done"]
    return EXITS[ConsentRequired.code] if is_refused else ExitCode.PARTIAL
