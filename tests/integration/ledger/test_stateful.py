"""Any order of holds, charges, losses, refunds and caps keeps the books, and a model agrees to the micro-dollar.

Two accounts with three productions and four runs spend at two providers. An example is one transaction that is
rolled back, so that thousands of them cost seconds; what happens at the same moment is for test_race.py.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.db.engine import Database
from pipeline.errors import BudgetExceeded, UsageError
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Budget, Hold, HoldState, Transfer, TransferKind
from pipeline.ledger.money import UNLIMITED
from pipeline.ledger.service import budgets, holding
from pipeline.ledger.service.budgets import Payers, book
from tests.support import factories
from tests.support.books import OF_ROWS, OF_TIME, assert_books_balance
from tests.support.databases import on_sqlite

EXAMPLES = {"sqlite": 1_000, "postgresql": 100}
"""Of seven mistakes put into the ledger, each was found by one of the first 200, whatever the seed."""
PROVIDERS = ("kyma", "minimax")
AUDITED = 7
"""One of ten examples is audited; hypothesis draws the ends of a range more often than what lies between."""
OWNERS = 11
"""Two providers, two accounts, three productions and four runs."""
AMOUNTS = st.integers(0, 40)
PRICES = st.sampled_from((None, 0)) | AMOUNTS | st.integers(41, 400)
"""What a provider says that a call has cost. Nothing at all has to come up as often as any other amount."""
CHARGES = st.sampled_from((TransferKind.CLONE, TransferKind.SPEECH, TransferKind.LOSS))
TABLE = Budget.metadata.tables["budgets"]
CAPPING = update(TABLE).where(TABLE.c.owner == bindparam("whose")).values(cap=bindparam("most"))
SAID = select(*(TABLE.c[name] for name in ("owner", "cap", "spent", "held", "overrun", "estimated")))

pytestmark = [pytest.mark.timeout(600), pytest.mark.computes]


@dataclass(frozen=True)
class Payer:
    """A run, and all the owners whose budgets its calls count against besides the provider's."""

    account_id: str
    production_id: str
    run_id: str


@dataclass(frozen=True)
class Ground:
    """What every example starts from."""

    session: Session
    payers: tuple[Payer, ...]


@dataclass
class Purse:
    """What the model believes of one budget."""

    cap: int = UNLIMITED
    spent: int = 0
    held: int = 0
    overrun: int = 0
    estimated: int = 0

    def has_room(self, amount: int) -> bool:
        return self.spent + self.overrun + self.held + amount <= self.cap

    def charge(self, amount: int, held: int, *, guessed: bool) -> None:
        within = min(amount, self.cap - self.spent - self.held + held)
        self.held -= held
        self.spent += within
        self.overrun += amount - within
        self.estimated += amount if guessed else 0

    def give_back(self, amount: int, *, guessed: bool) -> None:
        beyond = min(amount, self.overrun)
        self.overrun -= beyond
        self.spent -= amount - beyond
        self.estimated -= amount if guessed else 0


@dataclass
class Paid:
    """A transfer as the model knows it."""

    transfer_id: str
    owners: tuple[str, ...]
    left: int
    guessed: bool


@dataclass
class Model:
    """The books as they should be."""

    purses: dict[str, Purse] = field(default_factory=dict)
    open: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    payers: dict[str, tuple[Payer, str]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    paid: list[Paid] = field(default_factory=list)


class Books(RuleBasedStateMachine):
    """Does to the ledger and to the model what hypothesis thinks of, duplicates included."""

    ground: Ground
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.session = self.ground.session
        self.savepoint = self.session.begin_nested()
        self.model = Model()
        self.numbers = count(1)
        self.audited = False

    @initialize(
        caps=st.lists(st.none() | st.integers(0, 120), min_size=OWNERS, max_size=OWNERS), audited=st.integers(0, 9)
    )
    def open_the_purses(self, caps: list[int | None], audited: int) -> None:
        # The audit takes longer than the rest of an example; what it would find is in the model as well.
        self.audited = audited == AUDITED
        self.model.purses = dict(
            zip(self.owners(), (Purse(UNLIMITED if cap is None else cap) for cap in caps), strict=True)
        )
        capped = [
            {"whose": owner, "most": cap} for owner, cap in zip(self.owners(), caps, strict=True) if cap is not None
        ]
        if capped:
            self.session.connection().execute(CAPPING, capped)

    @rule(target=attempts, which=st.integers(0, 3), provider=st.sampled_from(PROVIDERS), amount=AMOUNTS)
    def hold(self, which: int, provider: str, amount: int) -> str:
        payer, attempt = self.ground.payers[which], f"try_{next(self.numbers)}"
        owners = owners_of(payer, provider)
        self.model.payers[attempt] = payer, provider
        expected = all(self.model.purses[owner].has_room(amount) for owner in owners)
        assert self.is_granted(payer, provider, attempt, amount) == expected
        if expected:
            self.model.open[attempt] = owners, amount
            for owner in owners:
                self.model.purses[owner].held += amount
        return attempt

    @rule(attempt=attempts, kind=CHARGES, amount=PRICES)
    def settle(self, attempt: str, kind: TransferKind, amount: int | None) -> None:
        _, provider = self.model.payers[attempt]
        paid = ledger.settle(self.session, attempt, ledger.Payment(kind, provider, amount, "take_1"))
        owners, held = self.model.open.pop(attempt, ((), 0))
        assert paid == (0 if not owners else held if amount is None else amount)
        if owners:
            self.charged(attempt, kind, owners, paid, held, guessed=amount is None)
            if kind is TransferKind.LOSS and paid:
                self.model.lost.add(attempt)

    @rule(attempt=attempts)
    def release(self, attempt: str) -> None:
        ledger.release(self.session, attempt)
        owners, held = self.model.open.pop(attempt, ((), 0))
        for owner in owners:
            self.model.purses[owner].held -= held

    @rule(attempt=attempts, amount=AMOUNTS, confirmed=st.booleans())
    def lose(self, attempt: str, amount: int, *, confirmed: bool) -> None:
        if attempt in self.model.open:
            return  # its hold is written off instead
        payer, provider = self.model.payers[attempt]
        booked = ledger.lose(
            self.session,
            account_id=payer.account_id,
            run_id=payer.run_id,
            provider=provider,
            attempt=attempt,
            amount=amount,
            subject="voice_1",
            confirmed=confirmed,
        )
        assert booked == (0 if attempt in self.model.lost else amount)
        if booked:
            self.model.lost.add(attempt)
            owners = owners_of(payer, provider)
            self.charged(attempt, TransferKind.LOSS, owners, booked, 0, guessed=not confirmed)

    @rule(which=st.integers(0, 30), amount=st.none() | st.integers(0, 60), times=st.integers(1, 2))
    def refund(self, which: int, amount: int | None, times: int) -> None:
        if not self.model.paid:
            return
        paid = self.model.paid[which % len(self.model.paid)]
        wanted = paid.left if amount is None else amount
        for _ in range(times):
            self.refund_once(paid, wanted)

    @rule(which=st.integers(0, OWNERS - 1), cap=st.none() | st.integers(0, 200))
    def set_cap(self, which: int, cap: int | None) -> None:
        owner, wanted = self.owners()[which], UNLIMITED if cap is None else cap
        purse = self.model.purses[owner]
        expected = purse.spent + purse.held <= wanted
        refused = contextlib.nullcontext() if expected else pytest.raises(UsageError)
        with refused:
            account = self.ground.payers[0].account_id
            ledger.set_cap(self.session, owner, cap, account_id=account, actor="me", reason="because")
        if expected:
            purse.cap = wanted

    @invariant()
    def every_budget_says_what_the_model_says(self) -> None:
        for owner, *told in self.session.connection().execute(SAID):
            purse = self.model.purses[owner]
            assert told == [purse.cap, purse.spent, purse.held, purse.overrun, purse.estimated], owner
            assert purse.spent + purse.held <= purse.cap

    def teardown(self) -> None:
        try:
            if self.audited:
                assert_books_balance(self.session, leave_out=(*OF_ROWS, *OF_TIME))
        finally:
            self.savepoint.rollback()
            self.session.expunge_all()

    def charged(
        self, attempt: str, kind: TransferKind, owners: tuple[str, ...], amount: int, held: int, *, guessed: bool
    ) -> None:
        for owner in owners:
            self.model.purses[owner].charge(amount, held, guessed=guessed)
        if amount:
            booked = select(Transfer.id).where(Transfer.attempt == attempt, Transfer.kind == kind)
            self.model.paid.append(Paid(self.session.scalars(booked).one(), owners, amount, guessed))

    def refund_once(self, paid: Paid, amount: int) -> None:
        if not 0 < amount <= paid.left:
            with pytest.raises(UsageError):
                ledger.refund(self.session, paid.transfer_id, amount, account_id=paid.owners[1])
            return
        ledger.refund(self.session, paid.transfer_id, amount, account_id=paid.owners[1])
        paid.left -= amount
        for owner in paid.owners:
            self.model.purses[owner].give_back(amount, guessed=paid.guessed)

    def is_granted(self, payer: Payer, provider: str, attempt: str, amount: int) -> bool:
        try:
            ledger.hold(
                self.session,
                account_id=payer.account_id,
                run_id=payer.run_id,
                provider=provider,
                attempt=attempt,
                amount=amount,
            )
        except BudgetExceeded:
            return False
        return True

    def owners(self) -> list[str]:
        owners = {owner: None for payer in self.ground.payers for owner in owners_of(payer, PROVIDERS[0])}
        return [*owners, ledger.provider_owner(PROVIDERS[1])]


def owners_of(payer: Payer, provider: str) -> tuple[str, ...]:
    return (ledger.provider_owner(provider), payer.account_id, payer.production_id, payer.run_id)


@pytest.fixture
def books(database: Database) -> Iterator[type[Books]]:
    """The machine on a ground of its own, inside a transaction of which nothing is kept."""
    with Session(database.engine) as session:
        first, second = factories.account(session), factories.account(session)
        wanted = ((first, "one"), (first, "one"), (first, "two"), (second, "three"))
        runs = [factories.run(session, owner, name=name) for owner, name in wanted]
        payers = tuple(Payer(run.account_id, run.production_id, run.id) for run in runs)
        for provider in PROVIDERS:
            ledger.open_budget(session, ledger.provider_owner(provider), None, None)
        for payer in payers:
            ledger.open_budget(session, payer.production_id, payer.account_id, None)
        yield type("BooksOf", (Books,), {"ground": Ground(session, payers)})
        session.rollback()


def run(books: type[Books], examples: int, *, phases: tuple[Phase, ...] = tuple(Phase)) -> None:
    modest = settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        phases=phases,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(books, settings=modest)


def test_the_books_balance_after_any_history(books: type[Books], database: Database) -> None:
    run(books, EXAMPLES[database.url.get_backend_name()])


def _book_what_costs(session: Session, payers: Payers, amount: int, *, held: int, estimated: bool) -> None:
    if amount:
        book(session, payers, amount, held=held, estimated=estimated)


def _close_again(session: Session, attempts: Sequence[str], state: HoldState) -> Sequence[Hold]:
    closing = update(Hold).where(Hold.attempt.in_(attempts)).values(state=state).returning(Hold)
    return session.scalars(closing.execution_options(populate_existing=True)).all()


@on_sqlite
def test_a_ledger_that_settles_twice_is_found_out(books: type[Books], monkeypatch: pytest.MonkeyPatch) -> None:
    # The control: without the state of the hold in its condition, a duplicate is paid for.
    monkeypatch.setattr(holding, "_close", _close_again)
    with pytest.raises((AssertionError, IntegrityError)):
        run(books, 500, phases=(Phase.generate,))


@on_sqlite
def test_a_ledger_that_keeps_the_hold_of_what_cost_nothing_is_found_out(
    books: type[Books], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The control for what is rare: a provider that takes nothing for a call for which money was held.
    monkeypatch.setattr(budgets, "book", _book_what_costs)
    with pytest.raises(AssertionError):
        run(books, 500, phases=(Phase.generate,))
