"""retake, takes, choose, approve, reject, lock, unlock: what a person does with the takes of single lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import line_takes, outcome, review, selected_lines
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, talk
from pipeline.cli.context import context
from pipeline.cli.counting import counted, more
from pipeline.cli.options import PANEL, AsJson, Detach, Mode, Yes, os_user
from pipeline.errors import ExitCode, UsageError
from pipeline.intake.rules import pages
from pipeline.ledger.money import BudgetMode

Json = dict[str, Any]
Production = Annotated[str, typer.Argument(help="Name of the production.")]
SomeLineIds = Annotated[list[str] | None, typer.Argument(help="Ids of lines.")]
Characters = Annotated[list[str] | None, typer.Option("--character", help="All lines of this character; repeatable.")]
Some = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        help="In place of ids: character:NAME, lang:TAG, line:ID, state:review, state:rejected or state:failed;"
        " * stands for any letters. Repeat it to widen (same word before the colon) or to narrow.",
    ),
]
LINES_AT_ONCE = 100
"""Whose histories are asked for by one address."""
LINES_RETAKEN, JUDGED_AT_ONCE, LOCKED_AT_ONCE = 1_000, 1_000, 10_000
"""As many as the API takes in one request."""
Number = Annotated[int | None, typer.Option("--take", min=1, help="Number of the take; without it, the chosen one.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (retake, takes, choose, approve, reject, lock, unlock):
        app.command(rich_help_panel=PANEL)(command)


def retake(  # noqa: PLR0913 - an option each
    production: Production,
    line: SomeLineIds = None,
    *,
    only: Some = None,
    in_review: Annotated[bool, typer.Option("--review", help="Of all lines in review, where none is named.")] = False,
    count: Annotated[int, typer.Option(min=1, max=20, help="How many more takes of each line.")] = 1,
    direction: Annotated[
        str, typer.Option(help="What you want of them; it is noted beside the takes and never spoken.")
    ] = "",
    budget: Annotated[str | None, typer.Option(help="Most this may spend, in dollars, such as 25.")] = None,
    budget_mode: Mode = BudgetMode.HARD,
    yes: Yes = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Make more takes of lines that are spoken, at the price that is shown.

    The newest that is spoken becomes the line's choice, which `pull` delivers; the others stay in its history, and
    `callsheet choose` goes back to one of them.
    """
    client = context.client()
    path = f"/productions/{segment(production)}/retakes"
    chosen = selected_lines.spoken(client, production, line or (), only or (), in_review=in_review, are_free=True)
    if not chosen.lines:
        raise UsageError("Which lines?", hint="Name their ids, select with --only, or take those in --review.")
    _require_few(chosen)
    _tell_left_out(chosen)
    wish = {"lines": chosen.lines, "count": count, "direction": direction, "budget_micros": outcome.cap(budget)}
    drawn = client.post(f"{path}/plan", wish)
    talk.print(line_takes.retake_view(drawn))
    outcome.heed(drawn["over_budget"], budget_mode)
    if not yes and drawn["total_micros"]:
        outcome.ask(drawn["total_micros"])
    started = client.post(path, wish | {"agreed": drawn["digest"], "budget_mode": budget_mode}, takes_long=True)
    if not detach:
        started = outcome.watch(client, started)
    if as_json:
        show_json(started)
    raise typer.Exit(outcome.report(started))


def takes(
    production: Production,
    line: SomeLineIds = None,
    *,
    only: Some = None,
    in_review: Annotated[
        bool, typer.Option("--review", help="List the lines whose takes are bad by what was heard, and why.")
    ] = False,
    fetch: Annotated[
        Path | None, typer.Option(help="Write the audio of every take into this folder, to compare.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every take of lines, whatever text they speak: when, what for, what it cost, and what was said of it.

    With --review, and without lines, those of the production that wait for a person.
    """
    client = context.client()
    if in_review:
        _show_review(client, production, [*(line or ()), *(only or ())], fetch, as_json=as_json)
        return
    lines = selected_lines.meant(client, production, line or (), only or (), in_review=False)
    if not lines:
        hint = "Name their ids, select with --only, or list with --review those that wait for you."
        raise UsageError("Which lines?", hint=hint)
    listed = _listed(client, production, lines)
    fetched = line_takes.fetch(client, listed, fetch) if fetch else []
    if as_json:
        show_json({"data": [{name: value for name, value in take.items() if name != "url"} for take in listed]})
    else:
        data.print(line_takes.takes_table(listed))
    if fetch:
        say(f"{counted(len(fetched), 'take is', 'takes are')} in {escape(str(fetch))}.")


def choose(
    production: Production,
    line: Annotated[str, typer.Argument(help="Id of a line.")],
    number: Annotated[int, typer.Argument(min=1, help="Number of the take, as `callsheet takes` lists it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Let another take speak a line. It costs nothing, and plans keep to it while the line stays as it is."""
    body = {"line": line, "number": number}
    _show(context.client().post(f"/productions/{segment(production)}/choices", body), as_json=as_json)


def approve(
    production: Production, line: SomeLineIds = None, *, only: Some = None, take: Number = None, as_json: AsJson = False
) -> None:
    """Approve the takes that were chosen for lines, or another one."""
    _judge(production, line or [], only or [], {"verdict": "approved", "number": take, "note": ""}, as_json=as_json)


def reject(
    production: Production,
    line: SomeLineIds = None,
    *,
    only: Some = None,
    note: Annotated[str, typer.Option(help="Why; it is kept with the take.")],
    take: Number = None,
    as_json: AsJson = False,
) -> None:
    """Reject the takes that were chosen for lines, or another one. Plans name the line until it has a new one."""
    verdict = {"verdict": "rejected", "number": take, "note": note}
    judged = _judge(production, line or [], only or [], verdict, as_json=as_json)
    rejected = [one["line"] for one in judged if one["chosen"] and one["verdict"] == "rejected"]
    if rejected and not as_json:
        again = "".join(f" --only {term}" for term in only or ()) if only else f" {' '.join(dict.fromkeys(rejected))}"
        say(f"[bold]Next[/]  {escape(f'callsheet retake {production}{again}')}")


def lock(
    production: Production,
    line: SomeLineIds = None,
    *,
    only: Some = None,
    character: Characters = None,
    as_json: AsJson = False,
) -> None:
    """Keep every later plan from changing lines. What the sheet says otherwise of them is shown as a conflict."""
    answers = _post_meant(production, "locks", line, only, character, {"by": os_user()})
    unspoken = [named for answer in answers for named in answer["unspoken"]]
    locked = sum(answer["locked"] for answer in answers)
    if as_json:
        show_json({"locked": locked, "unspoken": unspoken})
    else:
        say(f"{counted(locked, 'more line is', 'more lines are')} locked now.")
        if unspoken:
            say(f"[yellow]not locked[/]  There is nothing to keep yet: {escape(', '.join(unspoken[:20]))}")
    raise typer.Exit(ExitCode.PARTIAL if unspoken else ExitCode.OK)


def unlock(
    production: Production,
    line: SomeLineIds = None,
    *,
    only: Some = None,
    character: Characters = None,
    as_json: AsJson = False,
) -> None:
    """Let plans change lines again."""
    unlocked = sum(answer["unlocked"] for answer in _post_meant(production, "unlocks", line, only, character, {}))
    show_json({"unlocked": unlocked}) if as_json else say(f"{counted(unlocked, 'line is', 'lines are')} unlocked.")


def _require_few(chosen: selected_lines.Chosen) -> None:
    """Raise `UsageError` where more lines are to be retaken than the API takes at once, which agrees to one price."""
    if len(chosen.lines) > LINES_RETAKEN:
        raise UsageError(
            f"{len(chosen.lines):,} lines are more than are retaken at once ({LINES_RETAKEN:,}).",
            hint="Select fewer with --only; `callsheet apply --fresh` with the same --only has no such bound.",
        )


def _tell_left_out(chosen: selected_lines.Chosen) -> None:
    for why, ids in chosen.left_out.items():
        named = escape(", ".join(ids[: review.NAMED]))
        say(f"[yellow]left out[/]  {named}{more(len(ids) - review.NAMED)}: {why}.")


def _judge(production: str, lines: list[str], only: list[str], verdict: Json, *, as_json: bool) -> list[Json]:
    client = context.client()
    chosen = selected_lines.spoken(client, production, lines, only)
    if not chosen.lines:
        raise UsageError("Which lines?", hint="Name their ids, or select with --only.")
    _tell_left_out(chosen)
    path, said = f"/productions/{segment(production)}/verdicts", {**verdict, "by": os_user()}
    parts = pages(chosen.lines, JUDGED_AT_ONCE)
    judged = [one for part in parts for one in client.post(path, {"lines": part, **said})["data"]]
    # Of many lines nobody reads the histories.
    shown = [one for one in judged if as_json or not only or one["chosen"]]
    _show({"data": shown}, as_json=as_json)
    return judged


def _show_review(client: Client, production: str, lines: list[str], fetch: Path | None, *, as_json: bool) -> None:
    if lines or fetch:
        raise UsageError("--review lists all lines in review.", hint="Leave ids, --only and --fetch away.")
    found = review.load(client, production)
    show_json(found) if as_json else data.print(review.view(found, production))


def _listed(client: Client, production: str, lines: Sequence[str]) -> list[Json]:
    path = f"/productions/{segment(production)}/takes"
    return [take for page in pages(lines, LINES_AT_ONCE) for take in client.get(path, line=page)["data"]]


def _show(answer: Json, *, as_json: bool) -> None:
    listed = [{name: value for name, value in take.items() if name != "url"} for take in answer["data"]]
    show_json({"data": listed}) if as_json else data.print(line_takes.takes_table(listed))


def _post_meant(
    production: str,
    what: str,
    lines: list[str] | None,
    only: list[str] | None,
    characters: list[str] | None,
    also: Json,
) -> list[Json]:
    """Send lines that are named or selected, and all lines of characters, and return the answers."""
    client = context.client()
    named = selected_lines.meant(client, production, lines or (), only or (), in_review=False)
    if not named and not characters:
        raise UsageError("Which lines?", hint="Name their ids, select with --only, or name a --character.")
    path = f"/productions/{segment(production)}/{what}"
    # All that was typed goes with the first request: a name that is none has to keep the others from being written.
    parts = list(pages(named, LOCKED_AT_ONCE)) or [[]]
    bodies = [{"lines": part, "characters": (characters or []) if part is parts[0] else []} for part in parts]
    return [client.post(path, body | also) for body in bodies]
