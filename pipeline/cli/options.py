"""Arguments and options that several commands share."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.ledger.money import BudgetMode
from pipeline.speech.rules import Priority

PANEL = "Your productions"
"""Where the help lists the producer's commands, apart from those that run the stack."""

STACK_PANEL = "The stack"
"""Where it lists what is for whoever runs the stack."""

AsJson = Annotated[bool, typer.Option("--json", help="Write data as JSON to stdout.")]
ProjectPath = Annotated[Path, typer.Argument(help="A project file such as cast.yaml, or the folder that holds it.")]
Mode = Annotated[
    BudgetMode,
    typer.Option(help="hard: start nothing where a cap has too little left. soft: make what the money is enough for."),
]
Haste = Annotated[
    Priority,
    typer.Option(help="Whether these lines are spoken before or after those of your other runs."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        help="Make only what fits: character:NAME, line:ID, lang:TAG, state:failed, state:review, state:rejected,"
        " changed; * stands for any letters. Repeat it to widen (same word before the colon) or to narrow.",
    ),
]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Speak anew what there is, too: at its price, and once for each time that it is asked for; the same"
        " command goes on with what an interrupted one lacks.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Detach = Annotated[bool, typer.Option(help="Start the run and do not wait for its end.")]
NAME_LIMIT = 80


def os_user() -> str:
    """Return the name of whoever types, for the record; empty where they have none, as in containers."""
    try:
        return getpass.getuser()[:NAME_LIMIT]
    except (OSError, KeyError):
        return ""
