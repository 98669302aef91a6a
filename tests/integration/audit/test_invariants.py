"""Each promise is broken behind the database's back, with whatever would have refused it taken away: the audit sees it.

All of it happens in a transaction that is rolled back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from pipeline.audit import Finding, Report, audit
from pipeline.audit.service import CHECKS
from pipeline.ledger import provider_account
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Hold, HoldState, Transfer, append_only_triggers
from tests.integration.audit.conftest import Scene
from tests.support.books import assert_no_faults
from tests.support.fakes import BALANCE, PROVIDER

LAST_CHARGE = "(SELECT max(id) FROM transfers WHERE kind = 'speech')"
DOUBTED = "(SELECT id FROM attempts WHERE label LIKE 'ilse%')"
MADE = "(SELECT max(id) FROM attempts WHERE state = 'succeeded')"
READY = "(SELECT max(id) FROM voices WHERE state = 'ready')"
TAKE = "(SELECT max(id) FROM takes)"
COPIED = [column.name for column in Transfer.__table__.columns]


@dataclass(frozen=True)
class Break:
    """How a promise is broken: what guards it, the change, the check that finds it, and the row it names."""

    check: str
    change: str
    row: str
    guards: tuple[str, ...] = ()
    """Names of indexes and of CHECKs as `table.check`; triggers go wherever transfers or decisions are changed."""


def copy_of(transfer: str, **change: str) -> str:
    """Return the statement that copies a transfer, with some columns changed."""
    values = {name: change.get(name, name) for name in COPIED}
    chosen = f"SELECT {', '.join(values.values())} FROM transfers WHERE id = {transfer}"
    return f"INSERT INTO transfers ({', '.join(values)}) {chosen}"


ONE = "one live or succeeded attempt for a voice"
OWNED = "an upstream voice belongs to one row"
CHARGED = "one charge an attempt, and none without a hold"
CAPPED = "no budget beyond its cap or below zero"
KEPT = "transfers are balanced and cannot be changed"
LEASED = "nothing is sent without a lease"
SUMMED = "budgets say what holds and transfers add up to"
HELD = "money is held for what is under way alone"
COST = "takes say what their transfers add up to"
PROVIDER_BOOK = "the provider's own book equals ours"
MOVING = "what is unclear moves on, or waits for a person"
LATE = "late answers are kept"
DECIDED = "decisions are as they were"
TALLIED = "tallies are the numbers of takes"

BREAKS = {
    "I1: a second live attempt": Break(
        ONE, f"UPDATE attempts SET subject = 'x' WHERE id IN ({MADE}, {DOUBTED})", DOUBTED, ("uq_attempts_live",)
    ),
    "I2: two attempts own one voice": Break(
        OWNED,
        "UPDATE attempts SET provider_voice_id = 'twin' WHERE state = 'succeeded'",
        MADE,
        ("uq_attempts_provider_voice_id",),
    ),
    "I2: two voices own one voice": Break(
        OWNED,
        "UPDATE voices SET provider_voice_id = 'twin' WHERE state = 'ready'",
        READY,
        ("uq_voices_provider_voice_id",),
    ),
    "I2: a success without a voice": Break(
        OWNED,
        f"UPDATE attempts SET provider_voice_id = NULL WHERE id = {MADE}",
        MADE,
        ("attempts.succeeded_has_voice_id",),
    ),
    "I2: a ready voice that the provider does not have": Break(
        OWNED, f"UPDATE voices SET provider_voice_id = NULL WHERE id = {READY}", READY, ("voices.ready_has_voice_id",)
    ),
    "I2: an orphan that is somebody's": Break(
        OWNED,
        f"UPDATE orphans SET provider_voice_id = (SELECT provider_voice_id FROM voices WHERE id = {READY})",
        "(SELECT id FROM orphans)",
    ),
    "I3: charged twice": Break(CHARGED, copy_of(LAST_CHARGE, id="'pay_z'"), "'pay_z'", ("uq_transfers_kind_attempt",)),
    "I3: charged under another name": Break(CHARGED, copy_of(LAST_CHARGE, id="'pay_z'", kind="'design'"), "'pay_z'"),
    "I3: lost twice": Break(
        CHARGED,
        copy_of("(SELECT id FROM transfers WHERE kind = 'loss')", id="'pay_z'"),
        "'pay_z'",
        ("uq_transfers_kind_attempt",),
    ),
    "I3: charged without a hold": Break(
        CHARGED,
        f"UPDATE holds SET state = 'released' WHERE attempt = (SELECT attempt FROM transfers WHERE id = {LAST_CHARGE})",
        LAST_CHARGE,
    ),
    "I4: beyond the cap": Break(
        CAPPED, "UPDATE budgets SET cap = spent + held - 1 WHERE owner = :account", ":account", ("budgets.within_cap",)
    ),
    "I4: below zero": Break(
        CAPPED, "UPDATE budgets SET overrun = -1 WHERE owner = :run", ":run", ("budgets.not_negative",)
    ),
    "I5: a transfer of nothing": Break(
        KEPT, f"UPDATE transfers SET amount = 0 WHERE id = {LAST_CHARGE}", LAST_CHARGE, ("transfers.positive",)
    ),
    "I5: a transfer that somebody else pays": Break(
        KEPT, f"UPDATE transfers SET debit = 'acct_x' WHERE id = {LAST_CHARGE}", LAST_CHARGE
    ),
    "I5: a refund of nothing named": Break(
        KEPT,
        "UPDATE transfers SET reverses = NULL WHERE kind = 'refund'",
        "(SELECT id FROM transfers WHERE kind = 'refund')",
    ),
    "I5: a refund of what was never paid": Break(
        KEPT,
        "UPDATE transfers SET reverses = 'pay_x' WHERE kind = 'refund'",
        "(SELECT id FROM transfers WHERE kind = 'refund')",
    ),
    "I5: a refund of more than was paid": Break(
        KEPT,
        "UPDATE transfers SET amount = 1000000000 WHERE kind = 'refund'",
        "(SELECT reverses FROM transfers WHERE kind = 'refund')",
    ),
    "I5: transfers that can be changed": Break(KEPT, "drop the triggers of transfers", "'transfers'"),
    "I5: decisions that can be changed": Break(KEPT, "drop the triggers of decisions", "'decisions'"),
    "I6: sending without a lease": Break(
        LEASED,
        f"UPDATE attempts SET state = 'sending', lease_until = NULL WHERE id = {DOUBTED}",
        DOUBTED,
        ("attempts.sending_has_lease",),
    ),
    "I6: sent without having been claimed": Break(
        LEASED, f"UPDATE attempts SET sent_at = NULL WHERE id = {MADE}", MADE
    ),
    "I6: speaking without a lease": Break(
        LEASED,
        f"UPDATE takes SET state = 'speaking', lease_until = NULL WHERE id = {TAKE}",
        TAKE,
        ("takes.speaking_has_lease",),
    ),
    "I7: spent less than was paid": Break(SUMMED, "UPDATE budgets SET spent = spent - 1 WHERE owner = :run", ":run"),
    "I7: held more than there are holds": Break(
        SUMMED, "UPDATE budgets SET held = held + 1 WHERE owner = :run", ":run"
    ),
    "I7: an estimate that nobody made": Break(
        SUMMED, "UPDATE budgets SET estimated = estimated + 1 WHERE owner = :account", ":account"
    ),
    "I7: a provider's budget that is wrong": Break(
        SUMMED, "UPDATE budgets SET spent = spent + 1 WHERE owner = 'provider:stage'", "'provider:stage'"
    ),
    "I7: a production's budget that is wrong": Break(
        SUMMED,
        "UPDATE budgets SET spent = spent + 1 WHERE owner = (SELECT production_id FROM runs WHERE id = :run)",
        "(SELECT production_id FROM runs WHERE id = :run)",
    ),
    "I7: a budget that is gone": Break(SUMMED, "DELETE FROM budgets WHERE owner = :run", ":run"),
    "I7: an open attempt without its money": Break(
        HELD, f"UPDATE holds SET state = 'released' WHERE attempt = {DOUBTED}", DOUBTED
    ),
    "I7: a hold that outlived its attempt": Break(
        HELD,
        f"UPDATE attempts SET state = 'released', lease_until = NULL WHERE id = {DOUBTED}",
        DOUBTED,
    ),
    "I7: a hold that outlived its take": Break(
        HELD,
        f"UPDATE holds SET state = 'open' WHERE attempt = (SELECT attempt FROM transfers WHERE id = {LAST_CHARGE})",
        f"(SELECT attempt FROM transfers WHERE id = {LAST_CHARGE})",
    ),
    "I7: a hold of nothing": Break(
        HELD,
        f"UPDATE holds SET attempt = 'try_x' WHERE attempt = {DOUBTED}",
        "'try_x'",
    ),
    "I7: a take that cost something else": Break(COST, f"UPDATE takes SET cost = cost + 1 WHERE id = {TAKE}", TAKE),
    "I8: a charge that we do not know": Break(
        PROVIDER_BOOK, "UPDATE provider_accounts SET balance = balance - 1000000000", "'provider:stage'"
    ),
    "I8: a charge that the provider does not know": Break(
        PROVIDER_BOOK, "UPDATE provider_accounts SET balance = opening_balance + 1", "'provider:stage'"
    ),
    "I9: sent long ago": Break(
        MOVING, f"UPDATE attempts SET state = 'sending', lease_until = 1 WHERE id = {DOUBTED}", DOUBTED
    ),
    "I9: in doubt for too long": Break(MOVING, f"UPDATE attempts SET doubted_at = 1 WHERE id = {DOUBTED}", DOUBTED),
    "I10: a late answer thrown away": Break(LATE, "UPDATE orphans SET raw = ''", "(SELECT id FROM orphans)"),
    "I10: a late answer that is not on the books": Break(
        LATE, "UPDATE orphans SET attempt_id = 'try_x'", "(SELECT id FROM orphans)"
    ),
    "I10: a reason that was changed": Break(
        DECIDED,
        "UPDATE decisions SET reason = 'another' WHERE reason = 'reason 1'",
        "(SELECT id FROM decisions WHERE reason = 'another')",
    ),
    "I10: a decision taken away": Break(
        DECIDED,
        "DELETE FROM decisions WHERE reason = 'reason 1'",
        "(SELECT id FROM decisions WHERE reason = 'reason 2')",
    ),
    ": a tally that counts a take too many": Break(
        TALLIED, "UPDATE tallies SET takes = takes + 1 WHERE state = 'done'", "(SELECT max(run_id) FROM tallies)"
    ),
    ": a take that no tally counts": Break(TALLIED, "DELETE FROM tallies", "(SELECT max(run_id) FROM run_takes)"),
}


@pytest.fixture
def session(scene: Scene) -> Iterator[Session]:
    """A transaction on what has been lived, of which nothing is kept."""
    with Session(scene.database.engine) as session:
        yield session
        session.rollback()
        if scene.database.is_sqlite:
            session.execute(text("PRAGMA ignore_check_constraints = OFF"))


def unguard(session: Session, broken: Break) -> None:
    """Take away what would refuse the change."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    statements = []
    for table in ("transfers", "decisions"):
        if f"UPDATE {table}" in broken.change or f"DELETE FROM {table}" in broken.change or table in broken.change:
            statements += [
                f"DROP TRIGGER {name}" + ("" if is_sqlite else f" ON {table}")
                for name in append_only_triggers(table, session.get_bind().dialect.name)
            ]
    for guard in broken.guards:
        table, _, check = guard.rpartition(".")
        if not table:
            statements.append(f"DROP INDEX {guard}")
        elif is_sqlite:
            statements.append("PRAGMA ignore_check_constraints = ON")
        else:
            statements.append(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{check}")
    for statement in statements:
        session.execute(text(statement))


def finding(report: Report, check: str) -> Finding:
    return next(found for found in report.findings if found.check == check)


def test_a_studio_that_has_lived_keeps_every_promise(session: Session) -> None:
    report = audit(session)
    assert_no_faults(report)
    assert report.as_dict()["invariants"] == 10
    assert len(report.findings) == len(CHECKS) == 14
    assert all(found.rows for found in report.findings if found.check != MOVING)


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_promise_is_found_and_its_row_is_named(scene: Scene, session: Session, name: str) -> None:
    broken = BREAKS[name]
    facts = {"account": scene.account_id, "run": scene.run_id}
    unguard(session, broken)
    if not broken.change.startswith("drop"):
        needed = {key: value for key, value in facts.items() if f":{key}" in broken.change}
        session.execute(text(broken.change), needed)
    needed = {key: value for key, value in facts.items() if f":{key}" in broken.row}
    row = session.scalar(text(f"SELECT {broken.row}"), needed)
    report = audit(session)
    found = finding(report, broken.check)
    assert found.invariant == name.partition(":")[0]
    assert found.verdict == "FAILED"
    assert row in {fault.row for fault in found.broken}
    assert not report.as_dict()["ok"]


def test_what_waits_for_evidence_and_for_a_person_is_listed_and_is_no_fault(session: Session) -> None:
    report = audit(session)
    assert [row.row for row in finding(report, MOVING).waiting] == [session.scalar(text(f"SELECT {DOUBTED}"))]
    assert [row.row for row in finding(report, LATE).waiting] == [session.scalar(text("SELECT id FROM orphans"))]
    assert report.as_dict()["waiting"] == 2


def test_a_book_with_money_in_flight_is_undecided_and_one_without_is_compared(session: Session) -> None:
    assert finding(audit(session), PROVIDER_BOOK).undecided.startswith("stage: $2.10 are held")
    in_flight = session.scalars(select(Hold.attempt).where(Hold.state == HoldState.OPEN)).one()
    ledger.release(session, in_flight)
    assert "before the last payment" in finding(audit(session), PROVIDER_BOOK).undecided
    session.execute(text("UPDATE provider_accounts SET read_at = read_at + 10000"))
    assert finding(audit(session), PROVIDER_BOOK).verdict == "ok"
    session.execute(text("UPDATE provider_accounts SET balance = balance - 1"))
    assert finding(audit(session), PROVIDER_BOOK).verdict == "FAILED"


def test_what_was_paid_in_is_part_of_the_book(scene: Scene, session: Session) -> None:
    spent = ledger.known_spend(session, PROVIDER).spent
    provider_account.note_account(session, PROVIDER, BALANCE - spent + 50_000_000, None)
    assert "topped up?" in finding(audit(session), PROVIDER_BOOK).broken[0].told
    ledger.decide(
        session,
        account_id=scene.account_id,
        actor="operator",
        action="top_up",
        subject="provider:stage",
        reason="paid",
        detail={"amount_micros": 50_000_000},
    )
    assert finding(audit(session), PROVIDER_BOOK).verdict == "undecided"


def test_an_account_audits_its_own_rows_and_no_others(scene: Scene, session: Session) -> None:
    alone = audit(session, scene.account_id).as_dict()
    session.execute(text("INSERT INTO accounts (id, name, created_at) VALUES ('acct_2', 'second', 1)"))
    mine, theirs = (audit(session, account) for account in (scene.account_id, "acct_2"))
    assert finding(mine, PROVIDER_BOOK).undecided == finding(theirs, PROVIDER_BOOK).undecided != ""
    assert finding(mine, CHARGED).rows > finding(theirs, CHARGED).rows == 0
    assert alone["failed"] == mine.failed == 0
    session.execute(text("UPDATE takes SET cost = cost + 1"))
    assert audit(session, scene.account_id).failed
    assert not audit(session, "acct_2").failed
