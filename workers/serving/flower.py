"""`python -m workers.serving.flower APP OPTION...`: Flower over a Celery app, without Celery's other commands.

`celery flower` is the documented way. It loads every command of Celery and a library of terminal dialogues with them:
12 MB that Flower never uses.
"""

import sys
from collections.abc import Sequence

import click
from celery.app.utils import find_app
from celery.bin.base import CLIContext
from flower.command import flower


def run(app: str, options: Sequence[str]) -> None:
    """Serve until told to stop."""
    told = CLIContext(app=find_app(app), no_color=True, workdir=None, quiet=True)
    # Flower looks there for the app, and for options of Celery that were given to it by mistake.
    parent = click.Context(click.Group("celery"), obj=told)
    flower.main(list(options), prog_name="flower", parent=parent)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
