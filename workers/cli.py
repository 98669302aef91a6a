"""The console script: the producer's commands, and those that run and look after the stack."""

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from pipeline.cli.app import create_app
from pipeline.cli.commands import accounts
from pipeline.cli.console import data, say, show_error, show_json, table
from pipeline.cli.context import Operator, context
from pipeline.cli.options import STACK_PANEL, AsJson
from pipeline.errors import CallsheetError, ExitCode
from pipeline.settings import STACK_FILE, load_settings
from workers import local
from workers.stack.record import StackState

app = create_app()


@app.command(rich_help_panel=STACK_PANEL)
def up(*, as_json: AsJson = False) -> None:
    """Start the local stack, or what is missing of it, and wait until everything is ready."""
    _show_stack(local.start(), as_json=as_json)


@app.command(rich_help_panel=STACK_PANEL)
def down(*, as_json: AsJson = False) -> None:
    """Stop the local stack. Calls under way are finished first; nothing is lost."""
    _show_stack(local.stop(), as_json=as_json)


@app.command(rich_help_panel=STACK_PANEL)
def doctor(*, as_json: AsJson = False) -> None:
    """Check every part and say the fix for what is wrong."""
    from workers.app import app as celery_app
    from workers.doctor import Doctor

    findings = list(Doctor(load_settings(), celery_app).findings())
    if as_json:
        show_json([vars(finding) for finding in findings])
    for finding in () if as_json else findings:
        mark = "[green]ok[/] " if finding.ok else "[red]bad[/]"
        data.print(f"{mark} [bold]{finding.part:9}[/] {escape(finding.message)}")
        if finding.fix:
            data.print(f"    {'':9} [cyan]{escape(finding.fix)}[/]")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(ExitCode.ENVIRONMENT)


accounts.register(app)


@app.command(rich_help_panel=STACK_PANEL)
def worker(
    queues: Annotated[str, typer.Option(help="Queues to serve, separated by commas.")] = "references,voices,speech",
) -> None:
    """Run one worker in the foreground."""
    from workers.serving.worker import run

    run(load_settings(), tuple(queues.split(",")))


@app.command(rich_help_panel=STACK_PANEL)
def sweeper() -> None:
    """Run the sweeper in the foreground: it finds what lost messages and dead workers have left behind."""
    from workers.serving.sweeper import run

    run(load_settings())


@app.command(rich_help_panel=STACK_PANEL)
def api(port: Annotated[int, typer.Option(help="Port on loopback.")] = 8000) -> None:
    """Run the HTTP API in the foreground; its reference is at /openapi.json."""
    from workers.serving.api import run

    run(load_settings(), port)


@app.command(
    rich_help_panel=STACK_PANEL,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sandbox(arguments: typer.Context) -> None:
    """Run the sandbox in the foreground: Kyma's API, and MiniMax's; `callsheet sandbox --help` lists its options."""
    os.execv(sys.executable, (sys.executable, "-m", "pipeline.sandbox", *arguments.args))  # noqa: S606 - our own module


@app.command(rich_help_panel=STACK_PANEL)
def flower() -> None:
    """Run Flower in the foreground, on loopback, behind a password and read-only."""
    from workers.stack.flower import run_flower

    run_flower(load_settings())


def main() -> None:
    """Run a command; every error becomes a sentence, the next step and an exit code."""
    context.ensure_stack = local.ensure
    context.operator = _operator
    try:
        app()
    except CallsheetError as error:
        show_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)


def _operator() -> Operator:
    from workers import operator

    return operator.Operator(load_settings())


def _show_stack(state: StackState, *, as_json: bool) -> None:
    if as_json:
        show_json(state.as_dict())
        return
    made = table("Stack", "part", "pid", "ready after", "restarts", "where", right=frozenset({"pid", "ready after"}))
    for part in state.parts:
        seconds = f"{part.ready_seconds:.2f} s" if part.ready_seconds is not None else ""
        made.add_row(part.name, str(part.pid or ""), seconds, str(part.restarts or ""), part.url or "")
    data.print(made if state.parts else "The stack is stopped.")
    if state.running:
        say(f"Flower's user is callsheet; its password is in {escape(str(load_settings().home / STACK_FILE))}.")


if __name__ == "__main__":
    main()
