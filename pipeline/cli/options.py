"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Write data as JSON to stdout.")]
ProjectPath = Annotated[Path, typer.Argument(help="A project file such as cast.yaml, or the folder that holds it.")]
