"""hear: a production's takes through the quality gate."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import hearing
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, talk
from pipeline.cli.context import context
from pipeline.cli.hearing import Heard, Report
from pipeline.cli.options import PANEL, AsJson, os_user
from pipeline.errors import ExitCode, UsageError
from pipeline.quality import Outcome

Json = dict[str, Any]
NOTE_LIMIT = 500
REJECTED_AT_ONCE = 100


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command(rich_help_panel=PANEL)(hear)


def hear(
    production: Annotated[str, typer.Argument(help="Name of the production.")],
    line: Annotated[list[str] | None, typer.Argument(help="Ids of lines; all of them without one.")] = None,
    *,
    character: Annotated[
        list[str] | None, typer.Option(help="Listen to the lines of this character alone; repeatable.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Keep the verdicts in this file; what is in it is not listened to again.")
    ] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="Reject the bad takes, with the reason, so that they want a retake.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Listen to the takes that were chosen: empty, cut, of other words, in another voice, distorted or endless ones.

    It costs computing on this machine and nothing else. What cannot be checked, as in languages without a word list, is
    told as `unchecked`. Exit code 3 where a take is bad.
    """
    client = context.client()
    lines = _spoken(client, production, line or [], character or [])
    heard = list(_heard(client, lines, Report.open(report)))
    bad = [one for one in heard if one.verdict.outcome is Outcome.BAD]
    if reject and bad:
        _reject(client, production, bad)
    found = hearing.counts(heard)
    if as_json:
        show_json({"counts": found, "data": [one.as_dict() for one in heard]})
    else:
        doubtful = [one for one in heard if one.verdict.outcome is not Outcome.GOOD]
        if doubtful:
            data.print(hearing.view(doubtful))
        say(", ".join(f"[bold]{count}[/] {outcome}" for outcome, count in found.items()) + ".")
    if bad:
        _say_next(production, bad, is_rejected=reject)
        raise typer.Exit(ExitCode.PARTIAL)


def _spoken(client: Client, production: str, ids: Sequence[str], characters: Sequence[str]) -> list[Json]:
    """Return the lines that are meant and spoken; raises `UsageError` where a name fits none."""
    rows = client.pages(f"/productions/{segment(production)}/pack", "position")
    every = [{**row, "id": row["key"]} for row in rows]  # a verdict is on one language's take of a line
    unknown = [*(set(ids) - {row["id"] for row in every}), *(set(characters) - {row["character"] for row in every})]
    if unknown:
        raise UsageError(
            f"{production} has no {', '.join(sorted(unknown))}.",
            hint=f"callsheet status {production} shows how it stands.",
        )
    meant = [row for row in every if (not ids or row["id"] in ids)]
    return [row for row in meant if row["url"] and (not characters or row["character"] in characters)]


def _heard(client: Client, lines: Sequence[Json], report: Report) -> Iterator[Heard]:
    with talk.status("Listening...") as status:
        for number, one in enumerate(hearing.hear(client, lines, report), 1):
            status.update(f"Listened to {number} of {len(lines)}: {escape(one.line['id'])}")
            yield one


def _reject(client: Client, production: str, bad: Sequence[Heard]) -> None:
    """Reject takes one by one, each for its reason; what a person has approved or locked stays."""
    for one in bad:
        if one.line["locked"] or one.line["verdict"] == "approved":
            continue
        body = {
            "lines": [one.line["id"]],
            "verdict": "rejected",
            "number": one.line["number"],
            "note": one.verdict.sentence[:NOTE_LIMIT],
            "by": os_user(),
        }
        client.post(f"/productions/{segment(production)}/verdicts", body)


def _say_next(production: str, bad: Sequence[Heard], *, is_rejected: bool) -> None:
    ids = " ".join(one.line["id"] for one in bad[:REJECTED_AT_ONCE])
    what = f"callsheet retake {production} {ids}" if is_rejected else f"callsheet hear {production} --reject {ids}"
    say(f"[bold]Next[/]  {escape(what)}")
