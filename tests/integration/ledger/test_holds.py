import pytest
from sqlalchemy import select

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, Budget, Hold, HoldState, Transfer, TransferKind
from tests.integration.ledger.purses import Purse, open_purse
from tests.support import factories

TRY = "try_1"


def hold(database: Database, purse: Purse, amount: int, attempt: str = TRY) -> None:
    with database.write() as session:
        ledger.hold(
            session, account_id=purse.account_id, run_id=purse.run_id, provider="kyma", attempt=attempt, amount=amount
        )


def settle(database: Database, amount: int | None, attempt: str = TRY) -> int:
    with database.write() as session:
        payment = ledger.Payment(TransferKind.CLONE, "kyma", amount, "voice_1", 12)
        return ledger.settle(session, attempt, payment)


def release(database: Database, attempt: str = TRY) -> None:
    with database.write() as session:
        ledger.release(session, attempt)


def budget(database: Database, owner: str) -> tuple[int, int, int]:
    with database.read() as session:
        found = session.get_one(Budget, owner)
        return found.spent, found.held, found.overrun


def transfers(database: Database) -> list[Transfer]:
    with database.read() as session:
        return list(session.scalars(select(Transfer)))


def test_a_hold_is_reserved_with_account_and_run(database: Database) -> None:
    purse = open_purse(database, account_cap=100, run_cap=80)
    hold(database, purse, 60)
    assert budget(database, purse.account_id) == budget(database, purse.run_id) == (0, 60, 0)


def test_a_settled_hold_is_spent_at_the_providers_figure(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    assert settle(database, 40) == 40
    assert budget(database, purse.account_id) == budget(database, purse.run_id) == (40, 0, 0)
    (paid,) = transfers(database)
    assert (paid.amount, paid.estimate, paid.source) == (40, 60, "provider")
    assert (paid.debit, paid.credit, paid.subject, paid.chars) == (purse.account_id, "kyma", "voice_1", 12)


def test_an_unknown_figure_is_booked_as_it_was_held(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    assert settle(database, None) == 60
    assert transfers(database)[0].source == "estimate"


def test_a_call_that_cost_nothing_leaves_no_transfer(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    assert settle(database, 0) == 0
    assert transfers(database) == []
    assert budget(database, purse.run_id) == (0, 0, 0)


def test_a_released_hold_is_free_again(database: Database) -> None:
    purse = open_purse(database, run_cap=60)
    hold(database, purse, 60)
    release(database)
    hold(database, purse, 60, "try_2")
    assert budget(database, purse.account_id) == (0, 60, 0)


@pytest.mark.parametrize("again", [settle, lambda database, _amount: release(database)])
def test_what_is_settled_is_settled_once(database: Database, again: object) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    settle(database, 40)
    assert callable(again)
    again(database, 50)
    assert [paid.amount for paid in transfers(database)] == [40]


def test_what_is_released_cannot_be_settled(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    release(database)
    release(database)
    assert settle(database, 40) == 0
    assert transfers(database) == []


def test_an_attempt_that_never_held_anything_changes_nothing(database: Database) -> None:
    open_purse(database)
    assert settle(database, 40, "try_of_nobody") == 0
    release(database, "try_of_nobody")
    assert transfers(database) == []


@pytest.mark.parametrize(
    ("caps", "whose"), [({"account_cap": 59}, "account"), ({"run_cap": 59}, "run"), ({"run_cap": 0}, "run")]
)
def test_a_cap_without_room_refuses_and_changes_nothing(database: Database, caps: dict[str, int], whose: str) -> None:
    purse = open_purse(database, **caps)
    with pytest.raises(BudgetExceeded, match=f"the {whose}'s budget of ") as refused:
        hold(database, purse, 60)
    assert refused.value.data["needed"] == 60
    assert budget(database, purse.account_id) == budget(database, purse.run_id) == (0, 0, 0)
    with database.read() as session:
        assert session.scalars(select(Hold)).all() == []


def test_a_refused_hold_keeps_the_rest_of_its_transaction(database: Database) -> None:
    # Whoever holds goes on in the same transaction: it says why the work stops.
    purse = open_purse(database, run_cap=50)
    with database.write() as session:
        with pytest.raises(BudgetExceeded):
            ledger.hold(
                session, account_id=purse.account_id, run_id=purse.run_id, provider="kyma", attempt=TRY, amount=60
            )
        ledger.hold(
            session, account_id=purse.account_id, run_id=purse.run_id, provider="kyma", attempt="try_2", amount=50
        )
    assert budget(database, purse.account_id) == (0, 50, 0)


def test_a_charge_above_the_hold_is_spent_while_the_cap_has_room(database: Database) -> None:
    purse = open_purse(database, run_cap=100)
    hold(database, purse, 60)
    assert settle(database, 90) == 90
    assert budget(database, purse.run_id) == (90, 0, 0)


def test_a_charge_above_the_cap_is_booked_as_overrun(database: Database) -> None:
    purse = open_purse(database, run_cap=100)
    hold(database, purse, 60)
    hold(database, purse, 30, "try_2")
    assert settle(database, 90) == 90
    assert budget(database, purse.run_id) == (70, 30, 20)
    assert budget(database, purse.account_id) == (90, 30, 0)
    with pytest.raises(BudgetExceeded):
        hold(database, purse, 1, "try_3")


def test_spent_is_the_sum_of_transfers(database: Database) -> None:
    purse, other = open_purse(database), open_purse(database)
    for number, amount in enumerate((5, 7)):
        hold(database, purse, 60, f"try_{number}")
        settle(database, amount, f"try_{number}")
    with database.read() as session:
        assert ledger.spent(session, purse.account_id) == ledger.spent(session, purse.run_id) == 12
        assert ledger.spent(session, other.account_id) == 0


def test_open_holds_are_found_by_what_they_are_for(database: Database) -> None:
    purse = open_purse(database)
    for attempt in ("take_1#1", "take_1#2", "take_1#3", "take_11#1", "take_1%"):
        hold(database, purse, 1, attempt)
    settle(database, 1, "take_1#2")
    release(database, "take_1#3")
    with database.read() as session:
        assert list(ledger.open_holds(session, "take_1#")) == ["take_1#1"]
        assert list(ledger.open_holds(session, "take_1%")) == ["take_1%"]


def test_an_attempt_holds_once(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    with pytest.raises(Exception, match=r"(?i)unique"):
        hold(database, purse, 60)
    with database.read() as session:
        assert session.get_one(Hold, TRY).state is HoldState.OPEN
    assert budget(database, purse.run_id) == (0, 60, 0)


def test_the_price_of_a_run_does_not_touch_another(database: Database) -> None:
    purse = open_purse(database, account_cap=100)
    with database.write() as session:
        owner = session.get_one(Account, purse.account_id)
        second = factories.run(session, owner, cap=100)
    hold(database, purse, 60)
    with pytest.raises(BudgetExceeded, match="the account's budget"):
        hold(database, Purse(purse.account_id, second.id), 60, "try_2")
    assert budget(database, second.id) == (0, 0, 0)
