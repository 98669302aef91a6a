"""What people decide about money is an append-only chain: whoever changes a link breaks it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from pipeline.db.engine import Database
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Decision, append_only_triggers
from pipeline.ledger.service import deciding
from tests.support import factories


@pytest.fixture
def owner(database: Database) -> str:
    with database.write() as session:
        return factories.account(session).id


def decide(database: Database, account_id: str, reason: str = "a reason") -> str:
    with database.write() as session:
        return ledger.decide(
            session,
            account_id=account_id,
            actor="key_1 Ann",
            action="refund",
            subject="pay_1",
            reason=reason,
            detail={"amount_micros": 5, "née": ["ü", None, 1.5]},
        ).id


def verified(database: Database, account_id: str) -> list[str]:
    with database.read() as session:
        return ledger.verify_decisions(session, account_id)


def chained(session: Session, account_id: str) -> list[Decision]:
    found = {row.previous: row for row in session.scalars(select(Decision).where(Decision.account_id == account_id))}
    chain, last = [], deciding.FIRST
    while last in found:
        chain.append(found[last])
        last = found[last].hash
    return chain


def test_each_decision_follows_the_one_before_it(database: Database, owner: str) -> None:
    made = [decide(database, owner, f"reason {number}") for number in range(5)]
    with database.read() as session:
        assert [row.id for row in chained(session, owner)] == made
    assert verified(database, owner) == []


def test_decisions_of_two_accounts_are_two_chains(database: Database, owner: str) -> None:
    with database.write() as session:
        other = factories.account(session).id
    for account in (owner, other, owner):
        decide(database, account)
    with database.read() as session:
        assert [len(chained(session, account)) for account in (owner, other)] == [2, 1]
    assert verified(database, owner) == verified(database, other) == []


def test_decisions_made_at_once_do_not_fork_the_chain(database: Database, owner: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: decide(database, owner, f"reason {number}"), range(24)))
    with database.read() as session:
        assert {row.id for row in chained(session, owner)} == set(made)
    assert verified(database, owner) == []


def test_without_the_queue_the_database_itself_refuses_a_fork(
    database: Database, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(database, owner)
    monkeypatch.setattr(deciding, "_last", lambda _session, _account: deciding.FIRST)
    with pytest.raises(IntegrityError):
        decide(database, owner)


@pytest.mark.parametrize(
    "change", [update(Decision).values(reason="another"), delete(Decision)], ids=["another reason", "deletion"]
)
def test_the_database_refuses_to_change_a_decision(database: Database, owner: str, change: object) -> None:
    decide(database, owner)
    with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
        session.execute(change)  # type: ignore[call-overload]


CHANGES: dict[str, Callable[[str], object]] = {
    "reason": lambda row: update(Decision).where(Decision.id == row).values(reason="another"),
    "actor": lambda row: update(Decision).where(Decision.id == row).values(actor="Bob"),
    "detail": lambda row: update(Decision).where(Decision.id == row).values(detail={"amount_micros": 6}),
    "time": lambda row: update(Decision).where(Decision.id == row).values(created_at=1),
    "hash": lambda row: update(Decision).where(Decision.id == row).values(hash="f" * 64),
    "deletion": lambda row: delete(Decision).where(Decision.id == row),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_decision_breaks_the_chain(database: Database, owner: str, what: str) -> None:
    made = [decide(database, owner) for _ in range(4)]
    with Session(database.engine) as session:
        dialect = session.get_bind().dialect.name
        for trigger in append_only_triggers("decisions", dialect):
            session.execute(text(f"DROP TRIGGER {trigger}" + ("" if dialect == "sqlite" else " ON decisions")))
        session.execute(CHANGES[what](made[1]))  # type: ignore[call-overload]
        broken = ledger.verify_decisions(session, owner)
        session.rollback()
    if what in {"hash", "deletion"}:
        assert set(made[2:]) <= set(broken)
    else:
        assert broken == [made[1]]
