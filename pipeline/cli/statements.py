"""Ledgers, statements, caps and audits as tables, as CSV and as JSON, page by page: a ledger has no largest size."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from rich.markup import escape
from rich.table import Table

from pipeline.cli.console import table
from pipeline.cli.sheets import Columns, dollars_of, number_of, text_of
from pipeline.ledger.money import dollars

Json = dict[str, Any]
TABLE_ROWS = 200
"""Rows in one table: wide enough columns are found for so many at a time."""
VERDICTS = {"ok": "[green]ok[/]", "undecided": "[yellow]undecided[/]", "FAILED": "[bold red]FAILED[/]"}

TRANSFER_COLUMNS: Columns = {
    "at": text_of("at"),
    "transfer": text_of("id"),
    "kind": text_of("kind"),
    "amount_usd": dollars_of("amount"),
    "estimate_usd": dollars_of("estimate"),
    "source": text_of("source"),
    "paid_to": text_of("paid_to"),
    "characters": number_of("chars"),
    "subject": text_of("subject"),
    "attempt": text_of("attempt"),
    "production": text_of("production"),
    "run": text_of("run"),
    "reverses": text_of("reverses"),
}
STATEMENT_COLUMNS: Columns = {
    "key": text_of("key"),
    "name": text_of("name"),
    "character": text_of("character"),
    "production": text_of("production"),
    "transfers": number_of("transfers"),
    "estimate_usd": dollars_of("estimate"),
    "paid_usd": dollars_of("paid"),
    "difference_usd": dollars_of("difference"),
    "lost_usd": dollars_of("lost"),
    "refunded_usd": dollars_of("refunded"),
}
AMOUNTS = ("estimate", "paid", "difference", "lost", "refunded")


def tables_of(rows: Iterable[Json], row_table: Any) -> Iterator[Table]:  # noqa: ANN401 - one of the functions below
    """Return the rows in tables of a bounded size; one without rows where there are none."""
    left = iter(rows)
    part = list(islice(left, TABLE_ROWS))
    yield row_table(part)
    while part := list(islice(left, TABLE_ROWS)):
        yield row_table(part)


def ledger_table(transfers: Iterable[Json]) -> Table:
    """List transfers."""
    right = frozenset({"amount", "estimate", "characters"})
    columns = ("at", "transfer", "kind", "amount", "estimate", "characters", "subject", "run")
    made = table("Ledger", *columns, right=right)
    for row in transfers:
        made.add_row(
            row["at"],
            row["id"],
            _kind(row),
            dollars(row["amount_micros"]),
            dollars(row["estimate_micros"]) + ("" if row["source"] == "provider" else " *"),
            str(row["chars"] or ""),
            escape(row["subject"] or ""),
            row["run"] or "",
        )
    return made


def statement_table(rows: Iterable[Json]) -> Table:
    """Compare estimates with what was paid."""
    columns = ("name", "character", "production", "transfers", *AMOUNTS)
    made = table("Statement", *columns, right=frozenset({"transfers", *AMOUNTS}))
    for row in rows:
        named = (escape(row["name"] or row["key"]), escape(row["character"]), escape(row["production"]))
        made.add_row(*named, str(row["transfers"]), *(_amount(row, name) for name in AMOUNTS))
    return made


def caps_table(caps: Iterable[Json]) -> Table:
    """List caps and what is left of them."""
    made = table(
        "Caps", "of", "name", "cap", "spent", "held", "left", right=frozenset({"cap", "spent", "held", "left"})
    )
    for cap in caps:
        spent, held = (_shown(cap[name], "") for name in ("spent_micros", "held_micros"))
        left, most = _shown(cap["left_micros"], ""), _shown(cap["cap_micros"], "none")
        made.add_row(cap["kind"], escape(cap["name"]), most, spent, held, left)
    return made


def audit_table(report: Json) -> Table:
    """List what was checked, and every row that breaks a promise, waits, or cannot be judged now."""
    made = table("Audit", "", "promise", "rows", "verdict", right=frozenset({"rows"}))
    for found in report["findings"]:
        made.add_row(found["invariant"], found["check"], f"{found['rows']:,}", VERDICTS[found["verdict"]])
        for row in found["broken"]:
            made.add_row("", f"[red]{escape(row['row'])}[/] {escape(row['told'])}")
        if found["failed"] > len(found["broken"]):
            made.add_row("", f"[red]and {found['failed'] - len(found['broken'])} more[/]")
        for row in found["waiting"]:
            made.add_row("", f"[yellow]{escape(row['row'])}[/] {escape(row['told'])}")
        if found["undecided"]:
            made.add_row("", f"[yellow]{escape(found['undecided'])}[/]")
    return made


def audit_summary(report: Json) -> str:
    """Sum an audit up for programs."""
    return " ".join(f"{name}={report[name]}" for name in ("invariants", "rows", "failed", "waiting"))


def _kind(row: Json) -> str:
    style = {"loss": "red", "refund": "green"}.get(row["kind"])
    return f"[{style}]{row['kind']}[/]" if style else str(row["kind"])


def _amount(row: Json, name: str) -> str:
    micros = row[f"{name}_micros"]
    return dollars(micros) if micros or name in {"estimate", "paid"} else ""


def _shown(micros: int | None, otherwise: str) -> str:
    return otherwise if micros is None else dollars(micros)
