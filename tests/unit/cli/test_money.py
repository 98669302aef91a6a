"""ledger and audit as a person types them: what is asked of the API, what is shown, which exit code."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from pipeline.cli.client import Client
from pipeline.cli.context import context
from pipeline.errors import ExitCode
from pipeline.settings import load_settings
from tests.support.terminal import Terminal
from workers import cli, local

Json = dict[str, Any]
Run = Callable[..., tuple[int, str, str]]
BALANCE = {"spent_micros": 5, "held_micros": 2_100_000}


def transfer(number: int, **change: object) -> Json:
    return {
        "at": "2026-11-22",
        "id": f"pay_{number:05}",
        "kind": "speech",
        "amount_micros": 1,
        "estimate_micros": 1,
        "source": "provider",
        "paid_to": "stage",
        "chars": 1,
        "subject": "=take",
        "attempt": "take_1#1",
        "production": "prod_1",
        "run": "run_1",
        "reverses": None,
        **change,
    }


def report(*, ok: bool) -> Json:
    return {"ok": ok, "invariants": 10, "rows": 3, "failed": 0 if ok else 1, "waiting": 0, "findings": []}


@dataclass
class Api:
    """Answers in pages of two, and remembers what it was asked."""

    transfers: list[Json] = field(default_factory=lambda: [transfer(number) for number in range(5)])
    ok: bool = True
    asked: list[tuple[str, str, Json]] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        given = dict(request.url.params) or json.loads(request.content or b"{}")
        self.asked.append((request.method, request.url.path, given))
        match request.method, request.url.path:
            case "GET", "/v1/ledger":
                left = [row for row in self.transfers if row["id"] > given.get("after", "")]
                return httpx.Response(200, json={"data": left[:2], "has_more": len(left) > 2, "balance": BALANCE})
            case "GET", "/v1/ledger/statement":
                amounts = dict.fromkeys((f"{n}_micros" for n in ("estimate", "difference", "lost", "refunded")), 0)
                row = {"key": "take_1", "name": "-line", "character": "", "production": "game", "transfers": 1}
                return httpx.Response(200, json={"data": [row | amounts | {"paid_micros": 7}], "has_more": False})
            case "GET", "/v1/audit":
                return httpx.Response(200, json=report(ok=self.ok))
            case "POST", _:
                return httpx.Response(201, json={"id": "pay_9", "amount_micros": -given["amount_micros"]})
            case _:
                return httpx.Response(200, json={"data": [], **given})


@dataclass
class Operator:
    """Remembers what it was asked to do."""

    done: list[tuple[object, ...]] = field(default_factory=list)

    def audit(self) -> Json:
        self.done.append(("audit",))
        return report(ok=False)

    def cap_provider(self, provider: str, cap: int | None, *, by: str, reason: str) -> Json:
        self.done.append(("cap", provider, cap, reason))
        return {"by": by}

    def top_up(self, provider: str, amount: int, *, by: str, reason: str) -> Json:
        self.done.append(("top up", provider, amount, reason))
        return {"amount_micros": amount, "by": by}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    found = Api()
    monkeypatch.setenv("CALLSHEET_API_URL", "http://api.invalid")
    monkeypatch.setenv("CALLSHEET_API_KEY", "cs_1_2_3")
    client = Client(load_settings())
    client._http = httpx.Client(transport=httpx.MockTransport(found.answer), base_url="http://api.invalid")
    monkeypatch.setattr(context, "client", lambda: client)
    return found


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    found = Operator()
    monkeypatch.setattr(cli, "_operator", lambda: found)
    return found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command and returns its exit code, stdout and stderr."""
    monkeypatch.setattr(local, "ensure", lambda: None)
    monkeypatch.setattr(context, "ensure_stack", None)
    monkeypatch.setattr(context, "operator", None)
    return Terminal(capsys, monkeypatch)


def test_a_ledger_is_shown_to_its_end_with_its_sums(run: Run, api: Api) -> None:
    code, out, _ = run("ledger")
    assert code == ExitCode.OK
    assert all(row["id"] in out for row in api.transfers)
    assert "$0.000005 in 5 transfers; $2.10 held." in out


def test_a_ledger_as_json_is_one_document(run: Run, api: Api) -> None:
    told = json.loads(run("ledger", "--json", "--run", "run_1")[1])
    assert told == {"transfers": api.transfers, "balance": BALANCE}
    assert all(given["run"] == "run_1" for _, _, given in api.asked)


def test_a_ledger_as_csv_is_safe_to_open(run: Run, api: Api) -> None:
    rows = list(csv.DictReader(io.StringIO(run("ledger", "--csv")[1])))
    assert [row["transfer"] for row in rows] == [row["id"] for row in api.transfers]
    assert {row["subject"] for row in rows} == {"'=take"}


@pytest.mark.parametrize("form", ["--json", "--csv", None])
def test_a_statement_has_the_three_forms_too(run: Run, api: Api, form: str | None) -> None:
    code, out, _ = run("ledger", "--by", "line", *([form] if form else []))
    assert code == ExitCode.OK
    assert api.asked[0][1:] == ("/v1/ledger/statement", {"by": "line"})
    match form:
        case "--json":
            assert json.loads(out)["rows"][0]["name"] == "-line"
        case "--csv":
            assert next(csv.DictReader(io.StringIO(out)))["name"] == "'-line"
        case _:
            assert "$0.000007 paid" in out


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "--csv"),
        ("--by", "line", "--run", "run_1"),
        ("--by", "day"),
        ("cap", "account", "--reason", "why"),
        ("cap", "account", "me", "5", "--reason", "why"),
        ("cap", "production", "5", "--reason", "why"),
        ("cap", "studio", "5", "--reason", "why"),
        ("cap", "account", "five", "--reason", "why"),
        ("cap", "account", "5"),
        ("refund", "pay_1", "-1", "--reason", "why"),
        ("refund", "pay_1", "1"),
        ("topup", "stage", "1", "--reason", "why"),
        ("cap", "provider", "stage", "5", "--reason", "why"),
    ],
)
def test_what_cannot_be_understood_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str]) -> None:
    # Of the last two: there is nobody here who has the stack's settings.
    monkeypatch.setattr(cli, "_operator", None)
    code, out, err = run("ledger", *arguments)
    assert (code, out, bool(err)) == (ExitCode.USAGE, "", True)


@pytest.mark.parametrize(
    ("words", "path"), [(("account",), "/v1/caps/account"), (("production", "a/b"), "/v1/caps/productions/a/b")]
)
@pytest.mark.parametrize(("amount", "micros"), [("12.50", 12_500_000), ("none", None)])
def test_a_cap_is_set_in_dollars_with_its_reason(
    run: Run, api: Api, words: tuple[str, ...], path: str, amount: str, micros: int | None
) -> None:
    code, out, err = run("ledger", "cap", *words, amount, "--reason", "approved")
    assert (code, out) == (ExitCode.OK, "")
    assert " ".join(words) in err
    ((method, asked, given),) = api.asked
    assert (method, asked) == ("PUT", path)
    assert (given["cap_micros"], given["reason"]) == (micros, "approved")


def test_what_concerns_all_accounts_is_done_by_the_operator(run: Run, api: Api, operator: Operator) -> None:
    assert run("ledger", "cap", "provider", "stage", "none", "--reason", "why")[0] == ExitCode.OK
    assert run("ledger", "topup", "stage", "5", "--reason", "paid", "--json")[0] == ExitCode.OK
    assert operator.done == [("cap", "stage", None, "why"), ("top up", "stage", 5_000_000, "paid")]
    assert not api.asked


def test_a_refund_says_what_came_back(run: Run, api: Api) -> None:
    code, _, err = run("ledger", "refund", "pay_1", "2.10", "--reason", "credited")
    assert (code, api.asked[0][1]) == (ExitCode.OK, "/v1/ledger/pay_1/refunds")
    assert "$2.10 of pay_1 came back: pay_9." in err


def test_an_audit_ends_with_one_line_for_programs_and_a_code_of_its_own(run: Run, api: Api) -> None:
    code, out, _ = run("audit")
    assert (code, out.splitlines()[-1]) == (ExitCode.OK, "invariants=10 rows=3 failed=0 waiting=0")
    api.ok = False
    code, out, _ = run("audit")
    assert (code, out.splitlines()[-1]) == (ExitCode.AUDIT, "invariants=10 rows=3 failed=1 waiting=0")
    code, out, _ = run("audit", "--json")
    assert (code, json.loads(out)["ok"]) == (ExitCode.AUDIT, False)


def test_the_audit_of_all_accounts_asks_no_api(run: Run, api: Api, operator: Operator) -> None:
    assert run("audit", "--all")[0] == ExitCode.AUDIT
    assert (operator.done, api.asked) == ([("audit",)], [])
