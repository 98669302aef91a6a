import pytest
from sqlalchemy import update

from pipeline.db.engine import Database
from pipeline.errors import EnvironmentFault, Unauthorised
from pipeline.ledger.accounts import authenticate, find_account, issue_key
from pipeline.ledger.models import ApiKey
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


def test_a_revoked_key_is_refused(database: Database, key: str) -> None:
    with database.write() as session:
        session.execute(update(ApiKey).values(revoked_at=1))
    with database.read() as session, pytest.raises(Unauthorised):
        authenticate(session, key)


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
