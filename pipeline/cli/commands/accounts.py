"""accounts, key: who works on a stack, with which keys, and what each gets of a provider; for whoever runs it."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.cli.console import data, say, show_json, table
from pipeline.cli.context import context
from pipeline.cli.options import STACK_PANEL, AsJson, os_user
from pipeline.errors import NotFound, UsageError
from pipeline.intake.rules.problems import did_you_mean
from pipeline.ledger.money import dollars

Json = dict[str, Any]
Why = Annotated[str | None, typer.Option("--reason", help="Why; it is kept with the decision.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(rich_help_panel=STACK_PANEL)(accounts)
    app.command(rich_help_panel=STACK_PANEL)(key)


def accounts(
    name: Annotated[str | None, typer.Argument(help="One account, with its keys.")] = None,
    *,
    weight: Annotated[
        int | None, typer.Option(min=1, max=1000, help="With 2 it gets twice as much of a provider as one with 1.")
    ] = None,
    in_flight: Annotated[
        str | None, typer.Option(help="How many of its takes may be under way at once; none for no bound of its own.")
    ] = None,
    reason: Why = None,
    as_json: AsJson = False,
) -> None:
    """List the accounts, or show one; --weight and --in-flight change what it gets of a provider beside others.

    A change counts from the next take on. It takes the settings of whoever runs the stack.
    """
    if weight is not None or in_flight is not None:
        _share(name, weight, in_flight, reason)
    listed = context.as_operator().accounts()
    if name is None:
        show_json({"accounts": listed}) if as_json else data.print(_accounts_table(listed))
        return
    found = next((account for account in listed if account["name"] == name), None)
    if found is None:
        hint = did_you_mean(name, [account["name"] for account in listed]) or "callsheet accounts lists them"
        raise NotFound(f"There is no account {name}.", hint=f"{hint[:1].upper()}{hint[1:]}")
    show_json(found) if as_json else _show_account(found)


def key(
    account: Annotated[str, typer.Argument(help="Name of the account; it is opened where there is none.")],
    *,
    revoke: Annotated[
        str | None, typer.Option(help="Let this key speak for nobody any more: the key, or its first two parts.")
    ] = None,
    reason: Why = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key for an account and show it, this once; or revoke one. It takes the stack's settings.

    Whoever is given it works with CALLSHEET_API_URL and CALLSHEET_API_KEY.
    """
    if revoke is not None:
        done = context.as_operator().revoke_key(account, revoke, by=os_user(), reason=_required(reason))
        show_json(done) if as_json else say(f"{done['key']} speaks for nobody since {done['revoked_at']}.")
        return
    made = context.as_operator().issue_key(account)
    if as_json:
        show_json({"account": account, "api_key": made})
    else:
        data.print(made, soft_wrap=True, markup=False, highlight=False)


def _share(name: str | None, weight: int | None, in_flight: str | None, reason: str | None) -> None:
    if name is None:
        raise UsageError("Whose share is not said.", hint="callsheet accounts NAME --weight 2 --reason ...")
    changes: dict[str, int | None] = {} if weight is None else {"weight": weight}
    if in_flight is not None:
        changes["in_flight_cap"] = _bound(in_flight)
    context.as_operator().share(name, changes, by=os_user(), reason=_required(reason))


def _bound(given: str) -> int | None:
    if given == "none":
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 1_000_000:  # noqa: PLR2004 - more than any provider allows
        raise UsageError(f"{given!r} takes cannot be under way.", hint="Give a number from 1 to 1000000, or none.")
    return int(given)


def _required(reason: str | None) -> str:
    if not reason:
        raise UsageError("Why is not said.", hint="Add --reason: it is kept with the decision.")
    return reason


def _accounts_table(listed: Iterable[Json]) -> Table:
    right = frozenset({"weight", "in flight", "keys", "spent", "held", "cap"})
    made = table("Accounts", "account", "weight", "in flight", "keys", "spent", "held", "cap", right=right)
    for account in listed:
        valid = sum(one["revoked_at"] is None for one in account["keys"])
        money = (dollars(account["spent_micros"]), dollars(account["held_micros"]), _cap(account))
        made.add_row(escape(account["name"]), str(account["weight"]), _in_flight(account), str(valid), *money)
    return made


def _show_account(account: Json) -> None:
    data.print(_accounts_table([account]))
    made = table("Keys", "key", "made", "revoked")
    for one in account["keys"]:
        made.add_row(one["key"], one["created_at"], one["revoked_at"] or "")
    data.print(made)


def _in_flight(account: Json) -> str:
    return str(account["in_flight_cap"] or "any")


def _cap(account: Json) -> str:
    return "none" if account["cap_micros"] is None else dollars(account["cap_micros"])
