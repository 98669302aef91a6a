"""The commands a producer uses. Each is a client of the API; the operator's commands are added by the workers."""

import typer

from pipeline.cli.commands import project, results

HELP = """Plan and apply for voices: clone a cast once, speak every line, and know what it cost.

Exit codes: 0 ok, 2 usage, 3 partial, 4 budget, 5 needs reconcile, 6 consent, 7 environment, 130 interrupted."""


def create_app() -> typer.Typer:
    """Make the command line with the producer's commands."""
    app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
    for commands in (project, results):
        commands.register(app)
    return app
