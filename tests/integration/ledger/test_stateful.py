"""Any order of holds, settlements and releases keeps the books, and the model agrees to the micro-dollar."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.errors import BudgetExceeded
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account, Budget, TransferKind
from tests.integration.ledger.purses import Purse, open_purse
from tests.support import factories
from tests.support.books import OF_ROWS, OF_TIME, assert_books_balance
from tests.support.databases import Maker

ACCOUNT_CAP, RUN_CAP = 100, 70
AMOUNTS = st.integers(0, 40)


class Books(RuleBasedStateMachine):
    """Two runs of one account spend; the model is a dictionary of open holds and a count of what was paid."""

    make: Callable[[], Maker]
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.database = self.stack.enter_context(type(self).make().fresh())
        first = open_purse(self.database, account_cap=ACCOUNT_CAP, run_cap=RUN_CAP)
        with self.database.write() as session:
            second = factories.run(session, session.get_one(Account, first.account_id), cap=RUN_CAP)
        self.purses = (first, Purse(first.account_id, second.id))
        self.held: dict[str, tuple[Purse, int]] = {}
        self.paid = {first.account_id: 0, first.run_id: 0, second.id: 0}
        self.count = 0

    @rule(target=attempts, which=st.sampled_from((0, 1)), amount=AMOUNTS)
    def hold(self, which: int, amount: int) -> str:
        self.count += 1
        purse, attempt = self.purses[which], f"try_{self.count}"
        has_room = all(
            self.room(owner, cap) >= amount for owner, cap in ((purse.account_id, ACCOUNT_CAP), (purse.run_id, RUN_CAP))
        )
        with self.database.write() as session:
            try:
                ledger.hold(
                    session,
                    account_id=purse.account_id,
                    run_id=purse.run_id,
                    provider="kyma",
                    attempt=attempt,
                    amount=amount,
                )
                granted = True
            except BudgetExceeded:
                granted = False
        assert granted == has_room
        if granted:
            self.held[attempt] = (purse, amount)
        return attempt

    @rule(attempt=attempts, amount=st.none() | AMOUNTS | st.integers(41, 400))
    def settle(self, attempt: str, amount: int | None) -> None:
        with self.database.write() as session:
            paid = ledger.settle(session, attempt, ledger.Payment(TransferKind.SPEECH, "kyma", amount, "take_1"))
        purse, held = self.held.pop(attempt, (None, 0))
        assert paid == (0 if purse is None else held if amount is None else amount)
        if purse is not None:
            self.paid[purse.account_id] += paid
            self.paid[purse.run_id] += paid

    @rule(attempt=attempts)
    def release(self, attempt: str) -> None:
        with self.database.write() as session:
            ledger.release(session, attempt)
        self.held.pop(attempt, None)

    @invariant()
    def the_books_balance(self) -> None:
        with self.database.read() as session:
            assert_books_balance(session, leave_out=(*OF_ROWS, *OF_TIME))
            for owner, paid in self.paid.items():
                budget = session.get_one(Budget, owner)
                assert budget.held == self.sum_held(owner)
                assert budget.spent + budget.overrun == paid
                assert budget.spent + budget.held <= budget.cap

    def sum_held(self, owner: str) -> int:
        return sum(amount for purse, amount in self.held.values() if owner in {purse.account_id, purse.run_id})

    def room(self, owner: str, cap: int) -> int:
        # What is booked as overrun is beyond the cap, so what counts against it is what is left of the payments.
        with self.database.read() as session:
            overrun = session.get_one(Budget, owner).overrun
        return cap - (self.paid[owner] - overrun) - self.sum_held(owner)

    def teardown(self) -> None:
        self.stack.close()


@pytest.fixture
def books(maker: Maker) -> type[Books]:
    return type("BooksOf", (Books,), {"make": staticmethod(lambda: maker)})


def test_the_books_balance_after_any_history(books: type[Books]) -> None:
    modest = settings(
        max_examples=10,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(books, settings=modest)
