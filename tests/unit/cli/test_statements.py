"""Ledgers, statements, caps and audits as people and spreadsheets get them."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from pipeline.cli import statements
from pipeline.cli.console import stream_json
from pipeline.cli.sheets import FORMULA_STARTS, plain, write_csv

Json = dict[str, Any]
MARKUP = "[red]x[/]"


def shown(view: RenderableType, width: int = 240) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(view)
    return out.getvalue()


def transfer(**change: object) -> Json:
    return {
        "at": "2026-11-22T10:00:00.000+00:00",
        "id": "pay_1",
        "kind": "speech",
        "amount_micros": 10,
        "estimate_micros": 12,
        "source": "provider",
        "paid_to": "stage",
        "chars": 1,
        "subject": "take_1",
        "attempt": "take_1#1",
        "production": "prod_1",
        "run": "run_1",
        "reverses": None,
        **change,
    }


def row(**change: object) -> Json:
    amounts = dict.fromkeys((f"{name}_micros" for name in statements.AMOUNTS), 0)
    return {"key": "take_1", "name": "a_1", "character": "", "production": "", "transfers": 1} | amounts | change


def cap(**change: object) -> Json:
    numbers = dict.fromkeys(("cap_micros", "spent_micros", "held_micros", "left_micros"))
    return {"kind": "account", "name": "", **numbers, **change}


def found(**change: object) -> Json:
    told = {"invariant": "I1", "check": "one attempt", "verdict": "ok", "rows": 1_000, "failed": 0}
    return {**told, "broken": [], "waiting": [], "undecided": "", **change}


def as_csv(columns: Any, rows: Iterable[Json], capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    write_csv(columns, rows)
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_a_ledger_marks_what_is_an_estimate_and_shows_what_came_back() -> None:
    assert "$0.000012 *" in shown(statements.ledger_table([transfer(source="estimate")]))
    assert "*" not in shown(statements.ledger_table([transfer()]))
    assert "-$2.10" in shown(statements.ledger_table([transfer(kind="refund", amount_micros=-2_100_000)]))


def test_a_statement_shows_estimate_payment_and_difference() -> None:
    text = shown(
        statements.statement_table([row(estimate_micros=10_000, paid_micros=30_000, difference_micros=20_000)])
    )
    assert all(amount in text for amount in ("$0.01", "$0.03", "$0.02"))


def test_a_cap_that_is_not_set_is_none_and_what_is_not_ours_is_not_told() -> None:
    assert "none" in shown(statements.caps_table([cap()]))
    assert "$5.00" in shown(statements.caps_table([cap(cap_micros=5_000_000, left_micros=1)]))


def test_an_audit_names_every_row_that_breaks_a_promise() -> None:
    broken = {"row": "run_1", "told": "it says $1.00"}
    text = shown(statements.audit_table({"findings": [found(verdict="FAILED", failed=3, broken=[broken])]}))
    assert "FAILED" in text
    assert "run_1 it says $1.00" in text
    assert "and 2 more" in text


def test_an_audit_says_what_waits_and_what_cannot_be_told() -> None:
    waiting = {"row": "try_1", "told": "waits for a person"}
    text = shown(statements.audit_table({"findings": [found(waiting=[waiting], verdict="undecided", undecided="why")]}))
    assert all(told in text for told in ("try_1 waits for a person", "undecided", "why", "1,000"))


def test_an_audit_is_summed_up_in_one_line_for_programs() -> None:
    report = {"invariants": 10, "rows": 1_234, "failed": 0, "waiting": 2, "ok": True}
    assert statements.audit_summary(report) == "invariants=10 rows=1234 failed=0 waiting=2"


def every_view() -> dict[str, RenderableType]:
    told = {"row": MARKUP, "told": MARKUP}
    return {
        "ledger": statements.ledger_table([transfer(subject=MARKUP)]),
        "statement": statements.statement_table([row(name=MARKUP, character=MARKUP, production=MARKUP)]),
        "caps": statements.caps_table([cap(name=MARKUP)]),
        "audit": statements.audit_table({"findings": [found(broken=[told], failed=1, waiting=[told])]}),
    }


@pytest.mark.parametrize("view", every_view())
def test_a_name_that_looks_like_markup_is_shown_as_it_is(view: str) -> None:
    assert MARKUP in shown(every_view()[view])


@pytest.mark.parametrize("count", [0, 1, statements.TABLE_ROWS, statements.TABLE_ROWS + 1, 1_000])
def test_a_long_list_is_shown_in_tables_of_a_bounded_size(count: int) -> None:
    parts = list(statements.tables_of((transfer(id=f"pay_{n}") for n in range(count)), statements.ledger_table))
    assert sum(part.row_count for part in parts) == count
    assert max(part.row_count for part in parts) <= statements.TABLE_ROWS


def test_a_long_list_is_read_no_further_than_it_is_shown() -> None:
    read = []

    def rows() -> Iterable[Json]:
        for number in range(10_000):
            read.append(number)
            yield transfer()

    next(iter(statements.tables_of(rows(), statements.ledger_table)))
    assert len(read) <= statements.TABLE_ROWS


def test_a_streamed_document_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    for rows in ([], [{"a": "ü"}], [{"a": 1}, {"a": 2}]):
        stream_json("transfers", iter(rows), balance={"held": 0})
        assert json.loads(capsys.readouterr().out) == {"transfers": rows, "balance": {"held": 0}}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-Who?", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")'])
def test_text_that_a_spreadsheet_would_run_is_made_plain(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = as_csv(statements.STATEMENT_COLUMNS, [row(name=text, character=text, production=text)], capsys)
    for column in ("name", "character", "production"):
        assert told[column].replace("\r\n", "\n") == f"'{text}".replace("\r\n", "\n")


@given(st.text())
def test_no_guarded_text_starts_a_formula_and_every_other_is_left_as_it_is(text: str) -> None:
    assert not plain(text).startswith(FORMULA_STARTS)
    assert plain(text) in {text, f"'{text}"}


def test_amounts_are_plain_numbers_for_a_spreadsheet(capsys: pytest.CaptureFixture[str]) -> None:
    refund = transfer(kind="refund", amount_micros=-2_100_000, estimate_micros=0, reverses="pay_0")
    (told,) = as_csv(statements.TRANSFER_COLUMNS, [refund], capsys)
    assert (told["amount_usd"], told["estimate_usd"], told["reverses"]) == ("-2.100000", "0.000000", "pay_0")
