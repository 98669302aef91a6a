"""ledger, audit: where the money went, what bounds it, and whether every promise about it holds."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipeline.cli import statements
from pipeline.cli.client import Client, segment
from pipeline.cli.console import data, say, show_json, stream_json
from pipeline.cli.context import context
from pipeline.cli.options import PANEL, AsJson, Reason, os_user
from pipeline.cli.sheets import write_csv
from pipeline.errors import ExitCode, UsageError
from pipeline.ledger.money import dollars, parse_dollars

Json = dict[str, Any]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write rows as CSV to stdout, for spreadsheets.")]

ledger = typer.Typer(invoke_without_command=True)


class By(StrEnum):
    """What a statement has a row for."""

    LINE = "line"
    VOICE = "voice"
    PRODUCTION = "production"
    RUN = "run"


class Capped(StrEnum):
    """Whose cap it is."""

    ACCOUNT = "account"
    PRODUCTION = "production"
    PROVIDER = "provider"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(ledger, name="ledger", rich_help_panel=PANEL)
    app.command(rich_help_panel=PANEL)(audit)


@ledger.callback()
def transfers(
    called: typer.Context,
    *,
    run: Annotated[str | None, typer.Option(help="Only what this run has paid.")] = None,
    by: Annotated[By | None, typer.Option(help="Compare what each of these was to cost with what it did.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List every charge, loss and refund: what for, how much, and what it was expected to be.

    Amounts with * are our own estimates, for which the provider named no figure.
    """
    if called.invoked_subcommand is not None:
        return
    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms of the same.", hint="Choose one of them.")
    if by is not None:
        if run is not None:
            raise UsageError("A statement is of the whole account.", hint="--by run has a row for each run.")
        _show_statement(context.client(), by, as_json=as_json, as_csv=as_csv)
    else:
        _show_transfers(context.client(), run, as_json=as_json, as_csv=as_csv)


@ledger.command()
def caps(*, as_json: AsJson = False) -> None:
    """List the caps of the provider, the account and its productions, and what is left of each."""
    listed = context.client().get("/caps")["data"]
    show_json(listed) if as_json else data.print(statements.caps_table(listed))


@ledger.command()
def cap(
    whose: Annotated[Capped, typer.Argument(help="account, production or provider.")],
    words: Annotated[list[str], typer.Argument(help="The name, except for the account; then dollars, or none.")],
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Set a cap on all that may ever be spent; refused where more is spent or held already.

    A run's own cap is --budget of apply, or `budget` in the project file. A provider's cap bounds all accounts
    together: it is set with the settings of whoever runs the stack.
    """
    name, amount = _named_amount(whose, words)
    wish = {"cap_micros": amount, "reason": reason, "by": os_user()}
    match whose:
        case Capped.ACCOUNT:
            done = context.client().put("/caps/account", wish)
        case Capped.PRODUCTION:
            done = context.client().put(f"/caps/productions/{segment(name)}", wish)
        case Capped.PROVIDER:
            done = context.as_operator().cap_provider(name, amount, by=os_user(), reason=reason)
    if as_json:
        show_json(done)
        return
    most = "no cap any more" if amount is None else f"a cap of {dollars(amount)}"
    say(f"{escape(f'{whose} {name}'.strip())} has {most}.")


@ledger.command()
def refund(
    transfer: Annotated[str, typer.Argument(help="Id of the transfer; `callsheet ledger` lists them.")],
    amount: Annotated[str, typer.Argument(help="How much of it came back, in dollars, such as 2.10.")],
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Book money that the provider has given back, as a transfer of its own."""
    wish = {"amount_micros": _dollars(amount), "reason": reason, "by": os_user()}
    back = context.client().post(f"/ledger/{segment(transfer)}/refunds", wish)
    if as_json:
        show_json(back)
        return
    say(f"{dollars(-back['amount_micros'])} of {escape(transfer)} came back: {back['id']}.")


@ledger.command()
def topup(
    provider: Annotated[str, typer.Argument(help="Name of the provider.")],
    amount: Annotated[str, typer.Argument(help="How much was paid in, in dollars.")],
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Record what was paid into the provider's account, so that the audit can follow its balance."""
    done = context.as_operator().top_up(provider, _dollars(amount), by=os_user(), reason=reason)
    if as_json:
        show_json(done)
        return
    say(f"{dollars(done['amount_micros'])} were paid in at {escape(provider)}.")


def audit(
    *,
    everybody: Annotated[
        bool, typer.Option("--all", help="The whole database, with the settings of whoever runs the stack.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every promise about money from the rows; exit code 8 where one is broken."""
    report = context.as_operator().audit() if everybody else context.client().get("/audit")
    if as_json:
        show_json(report)
    else:
        data.print(statements.audit_table(report))
        data.print(statements.audit_summary(report), soft_wrap=True)
    if not report["ok"]:
        raise typer.Exit(ExitCode.AUDIT)


def _show_transfers(client: Client, run: str | None, *, as_json: bool, as_csv: bool) -> None:
    balance = client.get("/ledger", run=run, limit=1)["balance"]
    rows = client.pages("/ledger", "id", run=run)
    if as_json:
        stream_json("transfers", rows, balance=balance)
    elif as_csv:
        write_csv(statements.TRANSFER_COLUMNS, rows)
    else:
        sums = _Sums("amount_micros")
        for part in statements.tables_of(sums.through(rows), statements.ledger_table):
            data.print(part)
        spent = f"[bold]{dollars(sums.totals['amount_micros'])}[/] in {sums.count} transfers"
        data.print(f"{spent}; {dollars(balance['held_micros'])} held.")


def _show_statement(client: Client, by: By, *, as_json: bool, as_csv: bool) -> None:
    rows = client.pages("/ledger/statement", "key", by=by)
    if as_json:
        stream_json("rows", rows, by=by)
    elif as_csv:
        write_csv(statements.STATEMENT_COLUMNS, rows)
    else:
        sums = _Sums("estimate_micros", "paid_micros")
        for part in statements.tables_of(sums.through(rows), statements.statement_table):
            data.print(part)
        expected, paid = sums.totals["estimate_micros"], sums.totals["paid_micros"]
        data.print(f"[bold]{dollars(paid)}[/] paid, {dollars(expected)} expected, {dollars(paid - expected)} apart.")


class _Sums:
    """Adds up what passes by, so that nothing has to be kept for a total."""

    def __init__(self, *names: str) -> None:
        self.totals = dict.fromkeys(names, 0)
        self.count = 0

    def through(self, rows: Iterable[Json]) -> Iterator[Json]:
        for row in rows:
            self.count += 1
            for name in self.totals:
                self.totals[name] += row[name]
            yield row


def _named_amount(whose: Capped, words: list[str]) -> tuple[str, int | None]:
    needed = 1 if whose is Capped.ACCOUNT else 2
    if len(words) != needed:
        name = "" if whose is Capped.ACCOUNT else " NAME"
        raise UsageError(f"{' '.join(words)!r} is not a cap.", hint=f"callsheet ledger cap {whose}{name} AMOUNT|none")
    return " ".join(words[:-1]), None if words[-1] == "none" else _dollars(words[-1])


def _dollars(amount: str) -> int:
    try:
        return parse_dollars(amount)
    except ValueError as error:
        raise UsageError(f"{error}.", hint="Write dollars, such as 25 or 2.10.") from None
