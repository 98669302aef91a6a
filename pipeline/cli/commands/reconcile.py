"""reconcile: the paid calls nobody can prove, and what a person decides about them."""

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import doubts
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, stream_json
from pipeline.cli.context import context
from pipeline.cli.options import PANEL, AsJson, os_user
from pipeline.cli.statements import tables_of
from pipeline.errors import Conflict, ExitCode, NotFound, UsageError

Json = dict[str, Any]
LISTING = "`callsheet reconcile` lists what waits."


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(rich_help_panel=PANEL)(reconcile)


def reconcile(  # noqa: PLR0913 - what can be decided is an option each
    subject: Annotated[
        str | None, typer.Argument(help="Id of what to decide about; everything is listed without it.")
    ] = None,
    *,
    adopt: Annotated[
        str | None, typer.Option(metavar="VOICE_ID", help="The voice exists: it is ours under this id of the provider.")
    ] = None,
    write_off: Annotated[
        bool, typer.Option("--write-off", help="It was charged and the voice is lost: book a loss.")
    ] = False,
    allow: Annotated[
        bool,
        typer.Option("--allow-new-attempt", help="It was not charged: free the money, the voice may be made anew."),
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="A voice that came too late is not wanted.")] = False,
    reason: Annotated[str | None, typer.Option(help="What was found out; it is kept with the decision.")] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; without it, the user of this computer.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    decisions: Annotated[bool, typer.Option("--decisions", help="List what was decided about money so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the paid calls whose outcome is unclear, or decide about one; exit code 5 while any waits.

    None of them is ever sent again by itself. What the provider's evidence can settle is settled without you;
    the rest is yours to decide, once you have asked the provider.
    """
    wish = _wish(adopt, write_off=write_off, allow=allow, discard=discard)
    if (subject is None) != (wish is None) or (decisions and subject):
        raise UsageError(
            "A decision is an id and one of --adopt, --write-off, --allow-new-attempt and --discard.", hint=LISTING
        )
    client = context.client()
    if decisions:
        _show_decisions(client, as_json=as_json)
    elif subject is None or wish is None:
        waiting = client.get("/reconcile")
        show_json(waiting) if as_json else data.print(doubts.waiting_view(waiting))
        _leave(waiting["waiting"])
    else:
        given = {"reason": _reason(reason), "by": os_user() if by is None else by}
        _agree(_choice(client.get("/reconcile"), subject, wish["action"]), yes=yes)
        decided = client.post(f"/reconcile/{segment(subject)}", wish | given)
        if as_json:
            show_json(decided)
        else:
            say(doubts.decided(decided))
        _leave(decided["waiting"])


def _wish(adopt: str | None, *, write_off: bool, allow: bool, discard: bool) -> Json | None:
    given = {"adopt": adopt is not None, "write_off": write_off, "allow": allow, "discard": discard}
    actions = [action for action, is_given in given.items() if is_given]
    if len(actions) > 1:
        raise UsageError("A decision is one thing.", hint="Give one of the options, not several.")
    return {"action": actions[0], "voice_id": adopt} if actions else None


def _reason(reason: str | None) -> str:
    if not (reason or "").strip():
        raise UsageError("A decision about money needs a reason.", hint='Add --reason "what you have found out".')
    return str(reason)


def _choice(waiting: Json, subject: str, action: str) -> Json:
    """Return what a choice does; raises where the thing does not wait for it."""
    for item in waiting["in_doubt"]:
        if item["id"] == subject:
            raise Conflict(
                f"The evidence for {subject} is still being looked for.", hint=f"It ends by {item['decided_by']}."
            )
    for item in (*waiting["operator"], *waiting["orphans"]):
        if item["id"] == subject:
            found: Json | None = next((choice for choice in item["choices"] if choice["action"] == action), None)
            if found is None:
                offered = "\n      ".join(choice["command"] for choice in item["choices"])
                raise UsageError(f"That is no choice for {subject}.", hint=offered)
            return found
    raise NotFound(f"{subject} waits for no decision.", hint=LISTING)


def _agree(choice: Json, *, yes: bool) -> None:
    say(escape(choice["effect"]))
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nobody is here to agree to this.", hint="Add --yes to decide without being asked.")
    if not typer.confirm("Decide so? It cannot be taken back.", err=True):
        say("Nothing was decided.")
        raise typer.Exit(ExitCode.INTERRUPTED)


def _show_decisions(client: Client, *, as_json: bool) -> None:
    rows = client.pages("/reconcile/decisions", "id")
    if as_json:
        stream_json("decisions", rows)
    else:
        for part in tables_of(rows, doubts.decisions_table):
            data.print(part)


def _leave(waiting: int) -> None:
    if waiting:
        raise typer.Exit(ExitCode.RECONCILE)
