"""init, check, plan, apply: from a folder to a run."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import follow, render
from pipeline.cli.client import Client
from pipeline.cli.console import data, say, show_json, talk
from pipeline.cli.context import context
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.options import PANEL, AsJson, ProjectPath
from pipeline.cli.recordings import from_recordings
from pipeline.cli.submission import LocalProject
from pipeline.errors import (
    BudgetExceeded,
    ConsentRequired,
    ExitCode,
    ProviderFundsMissing,
    ProviderKeyRefused,
    UsageError,
    WasteCapReached,
)
from pipeline.intake.rules import missing_consent, scaffold
from pipeline.ledger.money import BudgetMode, dollars, parse_dollars

Json = dict[str, Any]
EXITS = {
    fault.code: fault.exit_code for fault in (BudgetExceeded, ConsentRequired, ProviderFundsMissing, ProviderKeyRefused)
}


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (init, check, plan, apply):
        app.command(rich_help_panel=PANEL)(command)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    from_folder: Annotated[
        Path | None,
        typer.Option("--from-recordings", help="Cast one character for each recording in this folder."),
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(help="Who allows all of these recordings to be cloned; written into the project file."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a small project to start from."""
    name = folder.resolve().name
    files = from_recordings(name, from_folder, consent) if from_folder else _scaffolded(name)
    _write_new(folder, files)
    if as_json:
        show_json({"folder": str(folder), "files": list(files)})
        return
    say(f"Wrote {', '.join(escape(path) for path in files)} in [bold]{escape(str(folder))}[/].")
    say(f"[bold]Next[/]  callsheet check {escape(str(folder))}")


def check(project: ProjectPath, *, as_json: AsJson = False) -> None:
    """Read a project and its sheets and say everything that is wrong. Offline; nothing is sent or spent."""
    local = LocalProject.read(project)
    facts = _facts(local)
    if as_json:
        show_json(facts)
        return
    data.print(
        f"[green]ok[/]  {escape(facts['production'])}: {facts['lines']} lines, {facts['characters']} characters,"
        f" {facts['talents']} talents"
    )
    for name, encoding in facts["encodings"].items():
        say(f"{escape(name)} was read as {encoding}; is every accent right?")
    for talent, field in facts["missing_consent"].items():
        say(f"[yellow]consent[/]  {escape(talent)} cannot be cloned yet: {field} is missing or does not cover this.")


def plan(
    project: ProjectPath,
    *,
    every_line: Annotated[bool, typer.Option("--all", help="List every line, the reused ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what would be made, why, and what it costs. Nothing is written and the provider is not asked."""
    local = LocalProject.read(project)
    drawn = context.client().post("/plans", local.plan_body())
    if as_json:
        show_json(drawn)
    else:
        data.print(render.plan_view(drawn, every_line=every_line))


def apply(
    project: ProjectPath,
    *,
    budget: Annotated[
        str | None,
        typer.Option(help="Most this run may spend, in dollars, such as 25; without it, the project file's budget."),
    ] = None,
    budget_mode: Annotated[
        BudgetMode,
        typer.Option(
            help="hard: start nothing where a cap has too little left. soft: make what the money is enough for."
        ),
    ] = BudgetMode.HARD,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option(help="Start the run and do not wait for its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make exactly what the plan says, and watch it. Ctrl-C stops watching, not the run."""
    local = LocalProject.read(project)
    cap = _cap(budget)
    client = context.client()
    drawn = client.post("/plans", {**local.plan_body(), "budget_micros": cap})
    talk.print(render.plan_view(drawn, every_line=False))
    _heed(drawn["over_budget"], budget_mode)
    if not yes and drawn["totals"]["total_micros"]:
        _ask(drawn)
    run = _start(client, local, drawn, {"budget_micros": cap, "budget_mode": budget_mode})
    if not detach:
        run = _watch(client, run)
    if as_json:
        show_json(run)
    raise typer.Exit(_report(run))


def _start(client: Client, local: LocalProject, drawn: Json, bounds: Json) -> Json:
    local.upload(client, lambda name, size: say(f"uploaded {escape(name)} ({size / 1e6:.1f} MB)"))
    body = {"project": local.name, "files": local.hashes, "agreed": drawn["digest"], **bounds}
    return client.post("/runs", body)


def _heed(over_budget: Json | None, mode: BudgetMode) -> None:
    """Refuse a plan that a cap has no room for, before anything is uploaded; or say that it will not get to its end."""
    if over_budget is None:
        return
    told = {name: value for name, value in over_budget.items() if name != "code"}
    refused = BudgetExceeded(told.pop("message"), hint=told.pop("hint"), **told)
    if mode is BudgetMode.HARD:
        raise refused
    say("[yellow]budget[/]  The money is not enough for all of this; the run stops at the cap and keeps what it has.")


def _watch(client: Client, run: Json) -> Json:
    try:
        return follow.follow(client, run["id"])
    except KeyboardInterrupt:
        say(f"\nStopped watching; the run goes on. [bold]callsheet status {run['id']} --watch[/] comes back to it.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _report(run: Json) -> ExitCode:
    """Say how a run ended and return the exit code that says the same."""
    talk.print(render.run_view(run))
    if run["state"] == "running":
        return _report_running(run)
    if run["unclear_attempts"]:
        say("[bold]Next[/]  callsheet reconcile   shows the paid calls whose outcome is unclear; none is repeated.")
        return ExitCode.RECONCILE
    if run["state"] == "done":
        say(f"[bold]Next[/]  callsheet pull {escape(run['production'])}")
        return ExitCode.OK
    if run["reason"] == BudgetExceeded.code:
        say(render.left_over(run))
    if run["reason"] == WasteCapReached.code:
        say(f"[bold]Next[/]  {run['wasted_calls']} paid calls brought nothing; once that is mended, callsheet apply.")
    if run["reason"]:
        return EXITS.get(run["reason"], ExitCode.PARTIAL)
    return _exit_of_failures(run)


def _report_running(run: Json) -> ExitCode:
    """Say where a run that goes on is seen; where it waits for a person the exit code says for what."""
    paused = run.get("paused")
    todo = f"{escape(paused['hint'])} Then the run goes on by itself:\n      " if paused else ""
    say(f"[bold]Next[/]  {todo}callsheet status {run['id']} --watch")
    return EXITS.get(paused["code"], ExitCode.OK) if paused else ExitCode.OK


def _exit_of_failures(run: Json) -> ExitCode:
    causes = {failure["cause"] for failure in run["failures"]}
    return EXITS["consent_required"] if causes == {"consent_required"} else ExitCode.PARTIAL


def _ask(drawn: Json) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to agree to the price.", hint="Add --yes to apply without being asked.")
    if not typer.confirm(f"Spend up to {dollars(drawn['totals']['total_micros'])}?", err=True):
        say("Nothing was started.")
        raise typer.Exit(ExitCode.INTERRUPTED)


def _cap(budget: str | None) -> int | None:
    try:
        return None if budget is None else parse_dollars(budget)
    except ValueError as error:
        raise UsageError(f"--budget: {error}.", hint="Write dollars, such as --budget 25.") from None


def _facts(local: LocalProject) -> Json:
    project = local.project
    gaps = {}
    for talent in project.talents.values():
        field = missing_consent(talent, project.production, project.language, datetime.now(UTC).date())
        if field:
            gaps[talent.key] = f"talents.{talent.key}.{field}"
    return {
        "production": project.production,
        "lines": len(project.lines),
        "characters": len(project.characters),
        "talents": len(project.talents),
        "missing_consent": gaps,
        "encodings": {name: encoding for name, encoding in project.encodings.items() if encoding != "utf-8"},
    }


def _scaffolded(name: str) -> dict[str, str | Path]:
    return dict(scaffold(name))


def _write_new(folder: Path, files: dict[str, str | Path]) -> None:
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise UsageError(f"{folder} already holds {', '.join(there)}.", hint="Choose another folder.")
    with writing_to(folder):
        # The project file is the first of them and the last to be written: without it there is no project.
        for path, content in reversed(files.items()):
            write_whole(folder / path, content if isinstance(content, Path) else content.encode())
