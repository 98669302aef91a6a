"""Caps are set with a reason, and never below what is spent and held."""

import pytest
from sqlalchemy import select

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded, UsageError
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Decision
from pipeline.ledger.money import UNLIMITED
from tests.integration.ledger.purses import PROVIDER, Purse, open_purse


@pytest.fixture
def purse(database: Database) -> Purse:
    opened = open_purse(database)
    with database.write() as session:
        ledger.hold(
            session, account_id=opened.account_id, run_id=opened.run_id, provider=PROVIDER, attempt="try_1", amount=60
        )
    return opened


def set_cap(database: Database, purse: Purse, owner: str, cap: int | None) -> int:
    with database.write() as session:
        shared = owner.startswith("provider:")
        done = ledger.set_cap(
            session, owner, cap, account_id=purse.account_id, shared=shared, actor="Ann", reason="because"
        )
        return done.cap


def test_a_cap_is_set_and_the_decision_is_kept(database: Database, purse: Purse) -> None:
    assert set_cap(database, purse, purse.account_id, 100) == 100
    assert set_cap(database, purse, purse.account_id, None) == UNLIMITED
    with database.read() as session:
        made = session.scalars(select(Decision).order_by(Decision.created_at, Decision.id)).all()
        assert {row.action for row in made} == {"cap"}
        assert {(row.detail["before"], row.detail["after"]) for row in made} == {(None, 100), (100, None)}
        assert ledger.verify_decisions(session, purse.account_id) == []


@pytest.mark.parametrize("cap", [0, 59])
def test_a_cap_below_what_is_spent_and_held_is_refused_and_nothing_is_recorded(
    database: Database, purse: Purse, cap: int
) -> None:
    with pytest.raises(UsageError, match=r"The account's budget cannot be .* \$0.00 is spent and \$0.000060 held"):
        set_cap(database, purse, purse.account_id, cap)
    with database.read() as session:
        assert session.get_one(Budget, purse.account_id).cap == UNLIMITED
        assert session.scalars(select(Decision)).all() == []
    assert set_cap(database, purse, purse.account_id, 60) == 60


@pytest.mark.parametrize("owner", [ledger.provider_owner(PROVIDER), "production", "account"])
def test_each_cap_refuses_the_next_hold_and_says_whose_it_is(database: Database, purse: Purse, owner: str) -> None:
    with database.read() as session:
        productions = session.scalars(select(Budget.owner).where(Budget.owner.startswith("prod_"))).one()
    owners = {"production": productions, "account": purse.account_id}
    set_cap(database, purse, owners.get(owner, owner), 100)
    whose = {"production": "the production's", "account": "the account's"}.get(owner, "the budget of all accounts for")
    with pytest.raises(BudgetExceeded, match=whose) as refused, database.write() as session:
        ledger.hold(
            session, account_id=purse.account_id, run_id=purse.run_id, provider=PROVIDER, attempt="try_2", amount=41
        )
    assert refused.value.data["missing"] == 1
    with database.read() as session:
        for budget in session.scalars(select(Budget)):
            assert budget.held == 60


def test_the_cap_of_a_provider_that_was_never_paid_can_be_set(database: Database, purse: Purse) -> None:
    assert set_cap(database, purse, ledger.provider_owner("another"), 5) == 5
    with database.read() as session:
        assert session.get_one(Budget, ledger.provider_owner("another")).account_id is None
