import pytest
from sqlalchemy import select

from pipeline.db.engine import Database
from pipeline.errors import EnvironmentFault, NotFound, Unauthorised
from pipeline.ledger.accounts import (
    Share,
    authenticate,
    find_account,
    holders,
    issue_key,
    key_name,
    require_account,
    revoke_key,
    set_share,
)
from pipeline.ledger.models import ApiKey, Decision
from pipeline.ledger.prices import load_prices, store_prices
from tests.support import factories
from tests.support.fakes import PRICES, PROVIDER


@pytest.fixture
def key(database: Database) -> str:
    with database.write() as session:
        return issue_key(session, factories.account(session, name="studio").id)


def test_a_key_speaks_for_its_account(database: Database, key: str) -> None:
    with database.read() as session:
        account = find_account(session, "studio")
        assert account is not None
        assert authenticate(session, key) == account.id


def test_the_database_does_not_know_the_secret(database: Database, key: str) -> None:
    secret = key.split("_")[2]
    with database.read() as session:
        row = session.query(ApiKey).one()
    assert secret not in f"{row.id} {row.secret_sha256}"


@pytest.mark.parametrize("spoilt", ["", "cs", "cs_a_b_c", "{key}x", "x{key}", "{key}_more", "Bearer {key}"])
def test_a_key_that_is_not_exactly_right_is_refused(database: Database, key: str, spoilt: str) -> None:
    with database.read() as session, pytest.raises(Unauthorised):
        authenticate(session, spoilt.format(key=key))


@pytest.mark.parametrize("named", [slice(None), slice(len("cs_12345678")), slice(3, len("cs_12345678"))])
def test_a_revoked_key_speaks_for_nobody_and_the_others_still_do(database: Database, key: str, named: slice) -> None:
    with database.write() as session:
        other = issue_key(session, require_account(session, "studio").id)
        for reason in ("leaked", "leaked again"):
            revoke_key(session, require_account(session, "studio"), key[named], actor="ann", reason=reason)
    with database.read() as session:
        authenticate(session, other)
        with pytest.raises(Unauthorised):
            authenticate(session, key)
        decision = session.scalars(select(Decision)).one()
        assert (decision.actor, decision.action, decision.reason) == ("ann", "revoke_key", "leaked")
        assert key.startswith(f"{decision.subject}_")


@pytest.mark.parametrize("wrong", ["", "cs_", "cs_00000000", "nonsense"])
def test_a_key_of_nobody_or_of_another_account_is_not_revoked(database: Database, key: str, wrong: str) -> None:
    with database.write() as session:
        other = factories.account(session, name="rival")
        for name in (wrong, key):
            with pytest.raises(NotFound, match="has no such key"):
                revoke_key(session, other, name, actor="ann", reason="why")
        assert authenticate(session, key)


def test_accounts_are_listed_with_their_keys_and_budgets(database: Database, key: str) -> None:
    with database.write() as session:
        factories.account(session, name="rival")
    with database.read() as session:
        listed = holders(session)
        assert [(one.account.name, len(one.keys), one.budget.spent) for one in listed] == [
            ("rival", 0, 0),
            ("studio", 1, 0),
        ]
        assert key.startswith(f"{key_name(listed[1].keys[0])}_")


@pytest.mark.usefixtures("key")
def test_a_changed_share_is_recorded_with_what_it_was(database: Database) -> None:
    with database.write() as session:
        account = require_account(session, "studio")
        set_share(session, account, Share(3, 8), actor="ann", reason="a deadline")
    with database.read() as session:
        account, decision = require_account(session, "studio"), session.scalars(select(Decision)).one()
        assert (account.weight, account.in_flight_cap) == (3, 8)
        assert decision.detail == {
            "before": {"weight": 1, "in_flight_cap": None},
            "after": {"weight": 3, "in_flight_cap": 8},
        }


def test_keys_of_another_account_are_apart(database: Database, key: str) -> None:
    with database.write() as session:
        other = factories.account(session)
        assert authenticate(session, issue_key(session, other.id)) == other.id
        assert authenticate(session, key) != other.id


def test_prices_are_kept_until_they_are_read_anew(database: Database) -> None:
    with database.write() as session, pytest.raises(EnvironmentFault, match="has not been read yet"):
        load_prices(session, PROVIDER)
    for prices in (PRICES, PRICES):
        with database.write() as session:
            store_prices(session, PROVIDER, prices)
    with database.read() as session:
        assert load_prices(session, PROVIDER) == PRICES
