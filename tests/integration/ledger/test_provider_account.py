"""The breaker of a provider's account: what opens it, what closes it, and that all workers see the one row."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.db.engine import Database
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.models import ProviderAccount
from pipeline.ledger.provider_account import FAILURES_TO_BLOCK, Block
from pipeline.provider.errors import AccountBlocked
from tests.support import factories

NAME = "stage"


def block(session: Session, kind: Block = Block.FUNDS, *, needs: int = 500) -> None:
    provider_account.block(session, NAME, kind=kind, message="HTTP 402", needs=needs)


def row(session: Session) -> ProviderAccount:
    return session.get_one(ProviderAccount, NAME, populate_existing=True)


def let_time_pass(session: Session) -> None:
    session.execute(update(ProviderAccount).where(ProviderAccount.probe_at > 0).values(probe_at=1))


def test_an_account_that_was_never_refused_is_open(database: Database) -> None:
    with database.write() as session:
        assert not provider_account.is_blocked(session, NAME)
        assert provider_account.enter(session, NAME)
        assert provider_account.fault(session, NAME) is None
        assert not provider_account.claim_probe(session, NAME)


def test_a_block_holds_since_it_began_and_asks_for_the_dearest_call(database: Database) -> None:
    with database.write() as session:
        block(session, needs=700)
        session.execute(update(ProviderAccount).values(blocked_at=7))
        block(session, needs=500)
        assert (row(session).blocked_at, row(session).needs) == (7, 700)
        assert provider_account.is_blocked(session, NAME)
        assert not provider_account.enter(session, NAME)
        provider_account.unblock(session, NAME)
        block(session, needs=300)
        assert row(session).needs == 300


@pytest.mark.parametrize(
    ("kind", "balance", "blocked"),
    [
        (Block.FUNDS, 499, [True]),
        (Block.FUNDS, 500, [False]),
        (Block.KEY, 0, [False]),
        (Block.FAILING, 0, [False]),
        (Block.FUNDS, None, [True]),
        (Block.KEY, None, [True]),
    ],
)
def test_a_reading_of_the_account_closes_what_it_disproves(
    database: Database, kind: Block, balance: int | None, blocked: list[bool]
) -> None:
    with database.write() as session:
        block(session, kind)
        provider_account.note_account(session, NAME, balance, None)
        assert [provider_account.is_blocked(session, NAME)] == blocked


def test_failures_in_a_row_open_the_breaker_and_one_success_between_them_does_not(database: Database) -> None:
    with database.write() as session:
        for _ in range(FAILURES_TO_BLOCK - 1):
            provider_account.note_failure(session, NAME, "HTTP 503")
        provider_account.note_success(session, NAME)
        for _ in range(FAILURES_TO_BLOCK - 1):
            provider_account.note_failure(session, NAME, "HTTP 503")
        assert not provider_account.is_blocked(session, NAME)
        provider_account.note_failure(session, NAME, "HTTP 503")
        assert provider_account.is_blocked(session, NAME)


def test_a_provider_that_failed_has_one_more_try_and_then_is_left_alone_again(database: Database) -> None:
    with database.write() as session:
        for _ in range(FAILURES_TO_BLOCK):
            provider_account.note_failure(session, NAME, "HTTP 503")
        provider_account.note_account(session, NAME, 0, None)
        assert not provider_account.is_blocked(session, NAME)
        provider_account.note_failure(session, NAME, "HTTP 503")
        assert provider_account.is_blocked(session, NAME)


def test_failures_never_turn_a_lack_of_money_into_an_outage(database: Database) -> None:
    with database.write() as session:
        block(session)
        for _ in range(FAILURES_TO_BLOCK):
            provider_account.note_failure(session, NAME, "HTTP 503")
        assert row(session).blocked_kind == Block.FUNDS


def test_a_call_that_was_sent_before_the_money_ended_proves_nothing(database: Database) -> None:
    with database.write() as session:
        provider_account.note_account(session, NAME, 900, None)
        block(session, needs=1_000)
        provider_account.note_success(session, NAME)
        assert provider_account.is_blocked(session, NAME)


def test_without_a_balance_one_call_is_let_through_and_its_success_closes(database: Database) -> None:
    with database.write() as session:
        block(session)
        let_time_pass(session)
        assert provider_account.claim_probe(session, NAME)
        provider_account.half_open(session, NAME)
        assert not provider_account.is_blocked(session, NAME)
        assert [provider_account.enter(session, NAME) for _ in range(3)] == [True, False, False]
        assert provider_account.is_blocked(session, NAME)
        provider_account.note_success(session, NAME)
        assert provider_account.enter(session, NAME)


def test_of_many_at_once_one_takes_the_only_try(database: Database) -> None:
    with database.write() as session:
        block(session)
        provider_account.half_open(session, NAME)
    together = threading.Barrier(6)

    def enter(_: int) -> bool:
        together.wait()
        with database.write() as session:
            return provider_account.enter(session, NAME)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(enter, range(6))) == 1


def test_one_of_several_sweepers_looks_and_only_when_it_is_time(database: Database) -> None:
    with database.write() as session:
        block(session)
        assert not provider_account.claim_probe(session, NAME)
        let_time_pass(session)
        assert [provider_account.claim_probe(session, NAME) for _ in range(3)] == [True, False, False]


def test_the_first_balance_is_kept_with_what_was_spent_and_held_by_then(database: Database) -> None:
    with database.write() as session:
        owner = factories.account(session)
        started = factories.run(session, owner)
        ledger.hold(session, account_id=owner.id, run_id=started.id, provider=NAME, attempt="a", amount=300)
        provider_account.note_account(session, NAME, 50_000_000, None)
        provider_account.note_account(session, NAME, 40_000_000, None)
        kept = row(session)
        assert (kept.opening_balance, kept.opening_committed, kept.balance) == (50_000_000, 300, 40_000_000)


def test_the_providers_clock_is_told_by_how_far_it_is_ahead(database: Database) -> None:
    with database.write() as session:
        ours = session.scalar(select(now_ms())) or 0
        assert abs(provider_account.provider_now(session, NAME) - ours) < 5_000
        provider_account.note_account(session, NAME, None, ours + 86_400_000)
        assert abs(provider_account.provider_now(session, NAME) - ours - 86_400_000) < 5_000


@pytest.mark.parametrize(
    ("status", "kind"), [(402, Block.FUNDS), (401, Block.KEY), (403, Block.KEY), (None, Block.KEY)]
)
def test_http_402_is_about_money_and_the_rest_about_the_key(status: int | None, kind: Block) -> None:
    assert Block.of(AccountBlocked("no", http_status=status)) is kind


@pytest.mark.parametrize(
    ("kind", "code", "exit_code"), [(Block.FUNDS, "provider_funds", 4), (Block.KEY, "provider_key", 7)]
)
def test_what_holds_the_calls_up_is_said_with_what_to_do(
    database: Database, kind: Block, code: str, exit_code: int
) -> None:
    with database.write() as session:
        block(session, kind)
        fault = provider_account.fault(session, NAME)
    assert fault is not None
    assert (fault.code, fault.exit_code) == (code, exit_code)
    assert fault.message.startswith("stage refuses the account (HTTP 402): ")
    assert fault.message.endswith("it goes on by itself.")
    assert fault.hint
