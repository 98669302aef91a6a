"""What only those can do who have the stack's settings."""

from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline import wiring
from pipeline.db.engine import Database
from pipeline.errors import EnvironmentFault, NotFound, UsageError
from pipeline.ledger import service as ledger
from pipeline.ledger.accounts import authenticate
from pipeline.ledger.models import Budget, Decision
from pipeline.ledger.prices import store_prices
from pipeline.provider.errors import ProviderFailed
from pipeline.settings import load_settings
from tests.integration.ledger.purses import open_purse
from tests.support.databases import on_sqlite
from tests.support.fakes import BALANCE, PRICES, PROVIDER, ScriptedProvider
from workers.operator import Operator


@pytest.fixture
def provider() -> ScriptedProvider:
    return ScriptedProvider()


@pytest.fixture
def operator(database: Database, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """One with settings that name this database and this provider."""
    monkeypatch.setenv("CALLSHEET_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setattr(wiring, "provider", lambda _settings: provider)
    with database.write() as session:
        store_prices(session, PROVIDER, PRICES)
    return Operator(load_settings())


def finding(report: dict[str, object], invariant: str) -> dict[str, object]:
    findings = report["findings"]
    assert isinstance(findings, list)
    return next(found for found in findings if found["invariant"] == invariant)


def test_the_audit_of_all_reads_the_balance_first(operator: Operator, provider: ScriptedProvider) -> None:
    assert finding(operator.audit(), "I8")["verdict"] == "ok"
    provider.balance = BALANCE - 1
    assert finding(operator.audit(), "I8")["verdict"] == "FAILED"


def test_a_balance_that_cannot_be_read_leaves_the_book_undecided(
    operator: Operator, provider: ScriptedProvider
) -> None:
    provider.balance = ProviderFailed("away")
    report = operator.audit()
    assert report["ok"]
    assert finding(report, "I8")["verdict"] == "undecided"


def test_a_key_is_for_the_account_of_that_name_which_is_opened_once(operator: Operator, database: Database) -> None:
    first, second = operator.issue_key("studio-a"), operator.issue_key("studio-a")
    other = operator.issue_key("studio-b")
    with database.read() as session:
        assert authenticate(session, first) == authenticate(session, second) != authenticate(session, other)


def test_a_share_is_changed_in_part_and_shown_with_keys_and_money(operator: Operator) -> None:
    key = operator.issue_key("studio-a")
    operator.share("studio-a", {"weight": 2}, by="ann", reason="a deadline")
    operator.share("studio-a", {"in_flight_cap": 8}, by="ann", reason="a deadline")
    assert operator.share("studio-a", {"in_flight_cap": None}, by="", reason="it is over") == {
        "name": "studio-a",
        "weight": 2,
        "in_flight_cap": None,
        "reason": "it is over",
        "by": "operator",
    }
    operator.revoke_key("studio-a", key, by="ann", reason="leaked")
    (shown,) = [one for one in operator.accounts() if one["name"] == "studio-a"]
    assert (shown["weight"], shown["in_flight_cap"], shown["spent_micros"], shown["cap_micros"]) == (2, None, 0, None)
    assert [(key.startswith(one["key"]), bool(one["revoked_at"])) for one in shown["keys"]] == [(True, True)]
    assert key not in str(shown)


def test_the_share_of_nobody_is_refused(operator: Operator) -> None:
    with pytest.raises(NotFound, match="There is no account studio-z"):
        operator.share("studio-z", {"weight": 2}, by="", reason="why")


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "naïve"])
def test_an_account_has_a_plain_name(operator: Operator, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be an account's name"):
        operator.issue_key(name)


def test_what_was_paid_in_is_recorded_and_explains_the_balance(
    operator: Operator, database: Database, provider: ScriptedProvider
) -> None:
    operator.audit()
    provider.balance = BALANCE + 5_000_000
    assert "topped up?" in str(finding(operator.audit(), "I8")["broken"])
    operator.top_up(PROVIDER, 5_000_000, by="ann", reason="an invoice")
    assert finding(operator.audit(), "I8")["verdict"] == "ok"
    with database.read() as session:
        decision = session.scalars(select(Decision)).one()
    assert (decision.actor, decision.action, decision.subject) == ("operator ann", "top_up", "provider:stage")


def test_a_providers_cap_bounds_all_accounts_and_its_decision_is_the_operators(
    operator: Operator, database: Database
) -> None:
    open_purse(database)
    operator.cap_provider(PROVIDER, 5, by="", reason="an audit")
    with database.read() as session:
        budget = session.get_one(Budget, ledger.provider_owner(PROVIDER))
        assert (budget.cap, budget.account_id) == (5, None)
        decision = session.scalars(select(Decision)).one()
        assert decision.actor == "operator"
        assert ledger.verify_decisions(session, decision.account_id) == []


def test_a_provider_that_nobody_knows_is_refused_with_those_that_are_known(operator: Operator) -> None:
    for refused in (
        lambda: operator.cap_provider("kima", 5, by="", reason="x"),
        lambda: operator.top_up("kima", 5, by="", reason="x"),
    ):
        with pytest.raises(NotFound) as told:
            refused()
        assert PROVIDER in told.value.hint


@on_sqlite
def test_a_database_that_is_not_there_is_not_made(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Path(f"{database.url.database}.missing")
    monkeypatch.setenv("CALLSHEET_DATABASE_URL", f"sqlite:///{missing}")
    with pytest.raises(EnvironmentFault, match="There is no database of this version"):
        Operator(load_settings()).audit()
    assert not missing.exists()
