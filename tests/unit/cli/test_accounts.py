"""accounts, key: what only whoever runs the stack may type."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.cli.context import context
from pipeline.errors import ExitCode
from tests.support.terminal import Terminal
from workers import cli

Json = dict[str, Any]
Run = Callable[..., tuple[int, str, str]]
KEYS = [
    {"key": "cs_00000001", "created_at": "2026-11-01T00:00:00Z", "revoked_at": "2026-11-02T00:00:00Z"},
    {"key": "cs_00000002", "created_at": "2026-11-03T00:00:00Z", "revoked_at": None},
]
STUDIO: Json = {
    "name": "studio-a",
    "weight": 2,
    "in_flight_cap": None,
    "created_at": "2026-11-01T00:00:00Z",
    "spent_micros": 2_100_000,
    "held_micros": 0,
    "cap_micros": None,
    "keys": KEYS,
}


@dataclass
class Operator:
    """Remembers what it was asked to do."""

    done: list[tuple[Any, ...]] = field(default_factory=list)

    def accounts(self) -> list[Json]:
        return [STUDIO]

    def share(self, name: str, changes: Mapping[str, int | None], *, by: str, reason: str) -> Json:  # noqa: ARG002 - the port's
        self.done.append(("share", name, dict(changes), reason))
        return {}

    def issue_key(self, account: str) -> str:
        self.done.append(("issue", account))
        return "cs_1_2_3"

    def revoke_key(self, account: str, key: str, *, by: str, reason: str) -> Json:  # noqa: ARG002 - the port's
        self.done.append(("revoke", account, key, reason))
        return {"account": account, "key": key, "revoked_at": "2026-11-02T00:00:00Z"}


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    found = Operator()
    monkeypatch.setattr(cli, "_operator", lambda: found)
    return found


@pytest.fixture
def run(operator: Operator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: ARG001 - typed to it
    monkeypatch.setattr(context, "operator", None)
    return Terminal(capsys, monkeypatch)


def test_accounts_are_listed_with_their_share_and_the_keys_that_are_valid(run: Run) -> None:
    code, out, _ = run("accounts")
    row = next(line for line in out.splitlines() if line.startswith("studio-a"))
    assert (code, row.split()) == (ExitCode.OK, ["studio-a", "2", "any", "1", "$2.10", "$0.00", "none"])


def test_one_account_is_shown_with_all_its_keys(run: Run) -> None:
    out = run("accounts", "studio-a")[1]
    assert all(one["key"] in out for one in KEYS)
    assert json.loads(run("accounts", "studio-a", "--json")[1]) == STUDIO
    assert json.loads(run("accounts", "--json")[1]) == {"accounts": [STUDIO]}


def test_an_account_that_there_is_not_is_told_with_the_one_that_was_meant(run: Run) -> None:
    code, _, err = run("accounts", "studio-b")
    assert code == ExitCode.USAGE
    assert "Did you mean studio-a?" in err


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        (["--weight", "3"], {"weight": 3}),
        (["--in-flight", "8"], {"in_flight_cap": 8}),
        (["--in-flight", "none", "--weight", "1"], {"weight": 1, "in_flight_cap": None}),
    ],
)
def test_only_what_is_given_of_a_share_is_changed(
    run: Run, operator: Operator, given: list[str], changes: Json
) -> None:
    assert run("accounts", "studio-a", *given, "--reason", "a deadline")[0] == ExitCode.OK
    assert operator.done == [("share", "studio-a", changes, "a deadline")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--weight", "2", "--reason", "x"], "Whose share is not said"),
        (["studio-a", "--weight", "2"], "Add --reason"),
        (["studio-a", "--in-flight", "many", "--reason", "x"], "'many' takes cannot be under way"),
        (["studio-a", "--in-flight", "0", "--reason", "x"], "'0' takes cannot be under way"),
        (["studio-a", "--weight", "0", "--reason", "x"], "greater than or equal to 1"),
    ],
)
def test_a_share_that_cannot_be_is_refused_and_nothing_is_done(
    run: Run, operator: Operator, given: list[str], told: str
) -> None:
    code, _, err = run("accounts", *given)
    assert (code, operator.done) == (ExitCode.USAGE, [])
    assert told in err


def test_a_key_is_made_and_shown_once(run: Run, operator: Operator) -> None:
    assert run("key", "studio-a")[1] == "cs_1_2_3\n"
    assert json.loads(run("key", "studio-a", "--json")[1]) == {"account": "studio-a", "api_key": "cs_1_2_3"}
    assert operator.done == [("issue", "studio-a")] * 2


def test_a_key_is_revoked_for_a_reason(run: Run, operator: Operator) -> None:
    assert run("key", "studio-a", "--revoke", "cs_00000002")[0] == ExitCode.USAGE
    assert not operator.done
    assert run("key", "studio-a", "--revoke", "cs_00000002", "--reason", "leaked")[0] == ExitCode.OK
    assert operator.done == [("revoke", "studio-a", "cs_00000002", "leaked")]
