"""The commands a producer uses. Each is a client of the API; the operator's commands are added by the workers."""

from importlib import metadata
from typing import Annotated

import typer

from pipeline.cli.commands import (
    control,
    episode,
    hearing,
    money,
    music,
    project,
    reconcile,
    results,
    say,
    takes,
    talents,
    verify,
)
from pipeline.cli.console import data

HELP = """Plan and apply for voices: clone a cast once, speak every line, and know what it cost.

Exit codes: 0 ok, 2 usage, 3 partial, 4 budget, 5 needs reconcile, 6 consent, 7 environment, 8 audit,
130 interrupted."""


def create_app() -> typer.Typer:
    """Make the command line with the producer's commands."""
    app = typer.Typer(
        help=HELP,
        invoke_without_command=True,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    for commands in (project, say, episode, music, results, verify, takes, hearing, control, talents, reconcile, money):
        commands.register(app)
    return app


def _options(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False
) -> None:
    if version:
        data.print(f"callsheet {metadata.version('callsheet')}")
        raise typer.Exit
