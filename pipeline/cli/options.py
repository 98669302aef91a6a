"""Arguments and options that several commands share."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

PANEL = "Your productions"
"""Where the help lists the producer's commands, apart from those that run the stack."""

AsJson = Annotated[bool, typer.Option("--json", help="Write data as JSON to stdout.")]
ProjectPath = Annotated[Path, typer.Argument(help="A project file such as cast.yaml, or the folder that holds it.")]
NAME_LIMIT = 80


def os_user() -> str:
    """Return the name of whoever types, for the record; empty where they have none, as in containers."""
    try:
        return getpass.getuser()[:NAME_LIMIT]
    except (OSError, KeyError):
        return ""
