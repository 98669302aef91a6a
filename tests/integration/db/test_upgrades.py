"""A database of an earlier version keeps its rows, and every promise about their money holds afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import BigInteger, Double, Integer, MetaData, Table, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pipeline.audit import audit
from pipeline.db.engine import Database
from pipeline.db.migrate import MIGRATIONS, is_current, upgrade
from pipeline.intake import service as intake
from pipeline.intake.models import Line, Production
from pipeline.ledger.money import UNLIMITED
from pipeline.ledger.service import provider_owner
from pipeline.references import service as references
from pipeline.views import histories
from tests.support.databases import Maker

OURS = {"account_id": "acc_1", "provider": "kyma"}
IN_RUN = {**OURS, "run_id": "run_1"}
VOICE = {**IN_RUN, "kind": "cloned", "state": "ready", "model": "hd", "label": "mara"}
LATER = 1 << 42
"""Milliseconds since 1970: nobody is late yet."""
ATTEMPT = {
    **IN_RUN,
    "fence": 1,
    "sent_at": 6,
    "not_before": LATER,
    "kind": "cloned",
    "model": "hd",
    "price": 2_100_000,
    "label": "mara",
}
TAKE = {**IN_RUN, "voice_id": "voi_1", "kind": "line", "model": "hd", "text": "Who goes there?", "estimate": 1_500}
ROWS: dict[str, list[dict[str, Any]]] = {
    "accounts": [{"id": "acc_1", "name": "studio"}],
    "productions": [{"id": "pro_1", "account_id": "acc_1", "name": "game", "title": "The Game"}],
    "price_lists": [{"provider": "kyma", "prices": {}}],
    "runs": [{**IN_RUN, "id": "run_1", "production_id": "pro_1", "state": "running"}],
    "voices": [
        {**VOICE, "id": "voi_1", "key": "mara", "provider_voice_id": "kyma_1", "spoke_at": 5},
        {**VOICE, "id": "voi_2", "key": "bram", "state": "making"},
    ],
    "attempts": [
        {
            **ATTEMPT,
            "id": "try_1",
            "voice_id": "voi_1",
            "subject": "one",
            "state": "succeeded",
            "provider_voice_id": "kyma_1",
        },
        {**ATTEMPT, "id": "try_2", "voice_id": "voi_2", "subject": "two", "state": "ambiguous", "settled_at": LATER},
    ],
    "takes": [
        {**TAKE, "id": "take_1", "fingerprint": "1", "state": "done", "cost": 1_400, "object_key": "k", "done_at": 9},
        {
            **TAKE,
            "id": "take_2",
            "fingerprint": "2",
            "state": "speaking",
            "holder": "w",
            "lease_until": LATER,
            "fence": 1,
        },
    ],
    "holds": [
        {**IN_RUN, "attempt": "try_1", "amount": 2_100_000, "state": "settled"},
        {**IN_RUN, "attempt": "try_2", "amount": 2_100_000, "state": "open"},
        {**IN_RUN, "attempt": "take_1#1", "amount": 1_500, "state": "settled"},
        {**IN_RUN, "attempt": "take_2#1", "amount": 1_500, "state": "open"},
    ],
    "transfers": [
        {**IN_RUN, "id": "pay_1", "kind": "clone", "attempt": "try_1", "amount": 2_100_000, "estimate": 2_100_000}
        | {"debit": "acc_1", "credit": "kyma", "source": "estimate", "subject": "voi_1"},
        {**IN_RUN, "id": "pay_2", "kind": "speech", "attempt": "take_1#1", "amount": 1_400, "estimate": 1_500}
        | {"debit": "acc_1", "credit": "kyma", "source": "provider", "subject": "take_1"},
    ],
    "budgets": [
        {"owner": owner, "account_id": "acc_1", "cap": UNLIMITED, "spent": 2_101_400, "held": 2_101_500}
        for owner in ("acc_1", "run_1")
    ],
}
"""A run of version 0001: one voice and one line are made, of another voice and line nobody knows yet."""


@pytest.fixture
def first(maker: Maker) -> Iterator[Database]:
    """A database of the first version, in use."""
    with maker.fresh(bare=True) as database:
        upgrade(database, "0001")
        _fill(database)
        yield database


def _fill(database: Database, filled: dict[str, list[dict[str, Any]]] = ROWS) -> None:
    tables = MetaData()
    tables.reflect(database.engine)
    with database.engine.begin() as connection:
        for name, rows in filled.items():
            for row in rows:
                table = tables.tables[name]
                given = {column: value for column, value in row.items() if column in table.columns}
                connection.execute(insert(table).values({**_least(table), **given}))


def _least(table: Table) -> dict[str, Any]:
    """Return something for every column that must have a value."""
    return {column.name: _something(column.type) for column in table.columns if not column.nullable}


def _something(kind: object) -> object:
    return 0 if isinstance(kind, BigInteger | Integer | Double) else ""


def _ask(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_nothing_is_lost_and_every_promise_holds(first: Database) -> None:
    before = {name: _ask(first, f"SELECT count(*) FROM {name}") for name in ROWS if name != "budgets"}
    upgrade(first)
    assert is_current(first)
    assert {name: _ask(first, f"SELECT count(*) FROM {name}") for name in before} == before
    with first.read() as session:
        report = audit(session)
    assert [(found.invariant, found.broken) for found in report.findings if found.broken] == []


def test_every_payer_has_its_budget(first: Database) -> None:
    upgrade(first)
    found = _ask(first, "SELECT owner, spent, held, overrun, estimated FROM budgets ORDER BY owner")
    owners = ("acc_1", "pro_1", provider_owner("kyma"), "run_1")
    assert found == [(owner, 2_101_400, 2_101_500, 0, 2_100_000) for owner in owners]
    assert _ask(first, "SELECT DISTINCT production_id, provider FROM holds") == [("pro_1", "kyma")]
    assert _ask(first, "SELECT DISTINCT production_id FROM transfers") == [("pro_1",)]


def test_what_was_in_doubt_can_be_reconciled(first: Database) -> None:
    upgrade(first)
    assert _ask(first, "SELECT state, doubted_at, sender_ended FROM attempts WHERE id = 'try_2'") == [
        ("ambiguous", LATER, 0)
    ]


@pytest.mark.parametrize("change", ["UPDATE transfers SET amount = 1", "DELETE FROM transfers"])
def test_what_was_charged_can_still_not_be_changed(first: Database, change: str) -> None:
    upgrade(first)
    with pytest.raises(DBAPIError), Session(first.engine) as session:
        session.execute(text(change))
    assert _ask(first, "SELECT sum(amount) FROM transfers") == [(2_101_400,)]


LINE = {"production_id": "pro_1", "line_id": "intro", "text": "Who goes there?", "fingerprint": "1", "extras": {}}


@pytest.fixture
def fifth(first: Database) -> Database:
    """A database of the version before lines had histories; its one line is spoken."""
    upgrade(first, "0005")
    _fill(first, {"lines": [LINE]})
    return first


def _history(database: Database) -> list[tuple[int, str, bool]]:
    with database.read() as session:
        production = session.get_one(Production, "pro_1")
        return [(take["number"], take["take"], take["chosen"]) for take in histories(session, production, ["intro"])]


def _downgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_what_was_spoken_before_lines_had_histories_is_their_first_take(fifth: Database) -> None:
    upgrade(fifth)
    assert _history(fifth) == [(1, "take_1", True)]


def test_histories_are_taken_back_and_lines_keep_the_takes_that_were_chosen(fifth: Database) -> None:
    upgrade(fifth)
    with fifth.write() as session:
        intake.keep_takes(session, "pro_1", ["intro"])
        session.get_one(Line, ("pro_1", "intro")).fingerprint = "2"
        intake.keep_takes(session, "pro_1", ["intro"])
    assert _history(fifth) == [(1, "take_1", False), (2, "take_2", True)]
    _downgrade(fifth, "0005")
    assert _ask(fifth, "SELECT fingerprint FROM lines") == [("2",)]
    assert _ask(fifth, "SELECT count(*) FROM takes") == [(2,)]
    upgrade(fifth)
    assert _history(fifth) == [(1, "take_2", True)]
    with fifth.read() as session:
        assert [found.invariant for found in audit(session).findings if found.broken] == []


@pytest.fixture
def eighth(first: Database) -> Database:
    """A database of the version that indexed whole fingerprints; a run has asked for what it has made."""
    upgrade(first, "0008")
    asked = [{"run_id": "run_1", "take_id": take, "reason": "new"} for take in ("take_1", "take_2")]
    _fill(first, {"lines": [LINE], "run_takes": asked})
    return first


ASKED = "SELECT run_id, take_id, reason, cancelled_at FROM run_takes ORDER BY take_id"
TALLIED = (
    "SELECT state, sum(takes) FROM (SELECT state, takes FROM tallies UNION ALL SELECT state, takes FROM tally_changes)"
    " AS counted GROUP BY state ORDER BY state"
)


def test_what_runs_asked_for_stays_up_and_down_and_is_counted_on(eighth: Database) -> None:
    kept = [("run_1", "take_1", "new", None), ("run_1", "take_2", "new", None)]
    upgrade(eighth)
    assert _ask(eighth, ASKED) == kept
    with eighth.read() as session:
        assert [found.invariant for found in audit(session).findings if found.broken] == []
    with eighth.engine.begin() as connection:
        connection.execute(text("UPDATE takes SET state = 'failed', lease_until = NULL WHERE id = 'take_2'"))
    assert _ask(eighth, TALLIED) == [("done", 1), ("failed", 1), ("open", 0)]
    _downgrade(eighth, "0008")
    assert _ask(eighth, ASKED) == kept
    with eighth.engine.begin() as connection:
        connection.execute(text("DELETE FROM run_takes WHERE take_id = 'take_2'"))
    assert _ask(eighth, TALLIED) == [("done", 1), ("failed", 0), ("open", 0)]
    upgrade(eighth)
    assert _ask(eighth, ASKED) == kept[:1]


@pytest.mark.parametrize("version", ["0008", "head"])
def test_no_version_takes_a_second_take_of_one_sound(eighth: Database, version: str) -> None:
    upgrade(eighth, version)
    with pytest.raises(DBAPIError), eighth.engine.begin() as connection:
        connection.execute(text("UPDATE takes SET fingerprint = '1' WHERE id = 'take_2'"))


def test_a_consent_of_before_can_be_suspended_and_stays_so_in_an_older_version(eighth: Database) -> None:
    consent = {"id": "cons_1", "account_id": "acc_1", "digest": "d", "talent": "Mara", "record": {}}
    _fill(eighth, {"consents": [consent]})
    upgrade(eighth)
    withdrawn = "SELECT count(*) FROM consents WHERE revoked_at IS NOT NULL"
    with eighth.write() as session:
        assert references.suspend(session, "acc_1", "mara", reason="left", by="ann")
    _downgrade(eighth, "0009")
    assert _ask(eighth, withdrawn) == [(1,)]
    upgrade(eighth)
    assert is_current(eighth)
    with eighth.write() as session:
        assert references.reinstate(session, "acc_1", "mara", reason="is back", by="ann")
    assert _ask(eighth, withdrawn) == [(0,)]
