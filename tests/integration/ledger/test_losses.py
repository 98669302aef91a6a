"""Money that brought nothing, and money that came back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded, NotFound, UsageError
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Transfer, TransferKind
from tests.integration.ledger.purses import PROVIDER, Purse, open_purse


def hold(database: Database, purse: Purse, amount: int, attempt: str = "try_1") -> None:
    with database.write() as session:
        ledger.hold(
            session, account_id=purse.account_id, run_id=purse.run_id, provider=PROVIDER, attempt=attempt, amount=amount
        )


def paid(database: Database, purse: Purse, amount: int | None, attempt: str = "try_1", held: int = 60) -> str:
    """Hold, settle, and return the transfer's id."""
    hold(database, purse, held, attempt)
    with database.write() as session:
        ledger.settle(session, attempt, ledger.Payment(TransferKind.CLONE, PROVIDER, amount, "voice_1"))
        return session.scalars(select(Transfer.id).where(Transfer.attempt == attempt)).one()


def lose(database: Database, purse: Purse, amount: int, attempt: str = "try_1", *, confirmed: bool = True) -> int:
    with database.write() as session:
        return ledger.lose(
            session,
            account_id=purse.account_id,
            run_id=purse.run_id,
            provider=PROVIDER,
            attempt=attempt,
            amount=amount,
            subject="voice_1",
            confirmed=confirmed,
        )


def refund(database: Database, purse: Purse, transfer_id: str, amount: int) -> str:
    with database.write() as session:
        return ledger.refund(session, transfer_id, amount, account_id=purse.account_id).id


def owners(session: Session, purse: Purse) -> tuple[str, ...]:
    production = session.scalars(select(Budget.owner).where(Budget.owner.startswith("prod_"))).one()
    return (ledger.provider_owner(PROVIDER), purse.account_id, production, purse.run_id)


def assert_all_say(database: Database, purse: Purse, *, spent: int, overrun: int = 0, estimated: int = 0) -> None:
    with database.read() as session:
        for owner in owners(session, purse):
            budget = session.get_one(Budget, owner)
            assert (budget.spent + budget.overrun, budget.estimated) == (spent, estimated), owner
            assert ledger.spent(session, owner) == spent
        assert session.get_one(Budget, purse.run_id).overrun == overrun


def test_a_late_answer_is_booked_in_all_four_budgets_whatever_the_cap(database: Database) -> None:
    purse = open_purse(database, run_cap=10)
    assert lose(database, purse, 60) == 60
    assert_all_say(database, purse, spent=60, overrun=50)
    with database.read() as session:
        loss = session.scalars(select(Transfer)).one()
    assert (loss.kind, loss.amount, loss.estimate, loss.source) == (TransferKind.LOSS, 60, 0, "provider")


def test_what_was_lost_beyond_the_cap_leaves_no_room_when_a_hold_is_freed(database: Database) -> None:
    purse = open_purse(database, run_cap=100)
    hold(database, purse, 100)
    lose(database, purse, 60, "try_2")
    with database.write() as session:
        ledger.release(session, "try_1")
    with pytest.raises(BudgetExceeded, match=r"has \$0.000040 left"):
        hold(database, purse, 41, "try_3")
    hold(database, purse, 40, "try_3")


def test_an_attempt_is_lost_once_however_many_tell_of_it_at_once(database: Database) -> None:
    purse = open_purse(database)
    with ThreadPoolExecutor(8) as threads:
        booked = list(threads.map(lambda _: lose(database, purse, 60), range(8)))
    assert sorted(booked) == [0] * 7 + [60]
    assert_all_say(database, purse, spent=60)


def test_a_loss_of_nothing_is_none(database: Database) -> None:
    purse = open_purse(database)
    assert lose(database, purse, 0) == 0
    with database.read() as session:
        assert not session.scalars(select(Transfer)).all()


def test_a_hold_that_is_written_off_is_a_loss(database: Database) -> None:
    purse = open_purse(database)
    hold(database, purse, 60)
    with database.write() as session:
        ledger.settle(session, "try_1", ledger.Payment(TransferKind.LOSS, PROVIDER, None, "voice_1"))
    assert_all_say(database, purse, spent=60, estimated=60)


def test_only_what_the_provider_confirmed_is_certain(database: Database) -> None:
    purse = open_purse(database)
    paid(database, purse, 40)
    paid(database, purse, None, "try_2")
    lose(database, purse, 5, "try_3", confirmed=False)
    hold(database, purse, 7, "try_4")
    with database.read() as session:
        spend = ledger.known_spend(session, PROVIDER)
        unknown = ledger.known_spend(session, "nobody")
    assert (spend.spent, spend.estimated, spend.held, spend.committed) == (105, 65, 7, 112)
    assert (unknown.spent, unknown.committed) == (0, 0)


@pytest.mark.parametrize("amount", [40, None])
def test_a_refund_makes_room_in_all_four_budgets(database: Database, amount: int | None) -> None:
    purse = open_purse(database, run_cap=60)
    transfer = paid(database, purse, amount)
    whole = amount or 60
    refund(database, purse, transfer, 15)
    assert_all_say(database, purse, spent=whole - 15, estimated=0 if amount else 45)
    hold(database, purse, 60 - whole + 15, "try_2")


def test_a_refund_names_what_it_reverses_and_changes_nothing_of_it(database: Database) -> None:
    purse = open_purse(database)
    transfer = paid(database, purse, 40)
    back = refund(database, purse, transfer, 15)
    with database.read() as session:
        row, original = session.get_one(Transfer, back), session.get_one(Transfer, transfer)
    assert (row.kind, row.reverses, row.amount, row.run_id) == (TransferKind.REFUND, transfer, 15, purse.run_id)
    assert (original.amount, original.reverses) == (40, None)


def test_what_went_beyond_the_cap_comes_back_first(database: Database) -> None:
    purse = open_purse(database, run_cap=60)
    transfer = paid(database, purse, 100)
    refund(database, purse, transfer, 30)
    assert_all_say(database, purse, spent=70, overrun=10)
    with pytest.raises(BudgetExceeded):
        hold(database, purse, 1, "try_2")
    refund(database, purse, transfer, 20)
    assert_all_say(database, purse, spent=50)
    hold(database, purse, 10, "try_2")


@pytest.mark.parametrize("amount", [0, -1, 41])
def test_no_more_is_refunded_than_was_paid(database: Database, amount: int) -> None:
    purse = open_purse(database)
    transfer = paid(database, purse, 40)
    with pytest.raises(UsageError, match=r"\$0.000040 of it is left"):
        refund(database, purse, transfer, amount)
    assert_all_say(database, purse, spent=40)


def test_a_refund_is_never_refunded(database: Database) -> None:
    purse = open_purse(database)
    back = refund(database, purse, paid(database, purse, 40), 15)
    with pytest.raises(UsageError, match=r"a refund of \$0.000015: \$0.00 of it is left"):
        refund(database, purse, back, 1)


def test_a_transfer_of_another_account_is_as_unknown_as_none(database: Database) -> None:
    purse, other = open_purse(database), open_purse(database)
    transfer = paid(database, purse, 40)
    for whose, which in ((other, transfer), (purse, "pay_x")):
        with pytest.raises(NotFound, match=f"There is no transfer {which}"):
            refund(database, whose, which, 1)


def test_refunds_at_once_never_come_to_more_than_was_paid(database: Database) -> None:
    purse = open_purse(database)
    transfer = paid(database, purse, 50)

    def take_back(_number: int) -> int:
        try:
            refund(database, purse, transfer, 20)
        except UsageError:
            return 0
        return 20

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take_back, range(8))) == 40
    assert_all_say(database, purse, spent=10)


def test_openers_of_the_same_budget_do_not_disturb_each_other(database: Database) -> None:
    purse = open_purse(database)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: hold(database, purse, 1, f"try_{number}"), range(8)))
    with database.read() as session:
        for owner in owners(session, purse):
            assert session.get_one(Budget, owner).held == 8
