"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

PANEL = "Your productions"
"""Where the help lists the producer's commands, apart from those that run the stack."""

AsJson = Annotated[bool, typer.Option("--json", help="Write data as JSON to stdout.")]
ProjectPath = Annotated[Path, typer.Argument(help="A project file such as cast.yaml, or the folder that holds it.")]
