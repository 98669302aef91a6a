"""Data goes to stdout, talk goes to stderr; colours and motion only where somebody watches."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.errors import CallsheetError

PIPED_WIDTH = 2_000
"""Columns where nobody watches: what goes to a file or a pipe is not broken into lines, so that it can be searched."""

data = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
talk = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def show_json(value: object) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def stream_json(name: str, rows: Iterable[object], **facts: object) -> None:
    """Write one JSON document to stdout whose list `name` is written as it comes: it is never whole in memory."""
    sys.stdout.write("{" + f"{json.dumps(name)}: [")
    for number, row in enumerate(rows):
        sys.stdout.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False, default=str))
    rest = "".join(f", {json.dumps(key)}: {json.dumps(value, default=str)}" for key, value in facts.items())
    sys.stdout.write(f"\n]{rest}" + "}\n")


def say(text: str) -> None:
    """Tell the person at the terminal something that is not data; in a log it stays on one line, to be searched."""
    talk.print(text, soft_wrap=not talk.is_terminal)


def table(title: str, *columns: str, right: frozenset[str] = frozenset()) -> Table:
    """Return an empty table in the one look that all commands share; columns in `right` are right-aligned.

    Where the terminal is too narrow cells go on below: an amount or an id that ends in dots is of no use.
    """
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", header_style="dim", overflow="fold")
    return made


def show_error(error: CallsheetError, *, as_json: bool) -> None:
    """Say what went wrong, every problem of it, and the next step."""
    if as_json:
        sys.stderr.write(json.dumps({"error": error.as_dict()}, ensure_ascii=False, default=str) + "\n")
        return
    say(f"[bold red]Error[/] {escape(error.message)} [dim]({escape(error.code)})[/]")
    for problem in error.data.get("problems", []):
        say(f"  {_problem(problem)}")
    if error.hint:
        say(f"[bold]Next[/]  {escape(error.hint)}")


def _problem(problem: Any) -> str:  # noqa: ANN401 - a problem's dict, or a sentence
    if not isinstance(problem, dict):
        return escape(str(problem))
    where = ", ".join(str(problem[key]) for key in ("file", "place") if problem.get(key))
    # No repr: what cannot be shown is escaped in it already, and would be escaped twice.
    value = f" [dim]'{escape(str(problem['value']))}'[/]" if problem.get("value") else ""
    told = told_of_problem(problem.get("message", ""), problem.get("allowed", ""), problem.get("hint", ""))
    return f"[bold]{escape(where)}[/]{value}: {told}"


def told_of_problem(message: str, allowed: str, hint: str) -> str:
    """Return what is wrong, what is allowed and what to do, as markup that reads without its colours, too."""
    parts = (
        escape(message),
        f"[dim]allowed: {escape(allowed)}[/]" if allowed else "",
        f"[cyan]{escape(hint)}[/]" if hint else "",
    )
    return "; ".join(part for part in parts if part)
