import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from pipeline.db.clock import now_ms
from pipeline.db.engine import BUSY_TIMEOUT_SECONDS, Database
from pipeline.ledger.models import Account
from tests.support import factories


def test_a_failed_write_leaves_no_trace(database: Database) -> None:
    with pytest.raises(RuntimeError):
        _fail_to_write(database)
    with database.read() as session:
        assert session.scalars(select(Account)).all() == []


def test_a_glance_sees_what_is_committed_and_leaves_its_connection_as_it_was(database: Database) -> None:
    alone = Database(database.url.render_as_string(hide_password=False), pool_size=1)
    with alone.write() as session:
        factories.account(session, name="kept")
    for _ in range(2):
        with alone.glance() as connection:
            assert connection.scalars(select(Account.name)).all() == ["kept"]
        with pytest.raises(RuntimeError):
            _fail_to_write(alone)
    alone.close()


@pytest.mark.parametrize("maker", ["postgresql"], indirect=True)  # SQLite cannot read outside a transaction
def test_a_glance_is_one_round_trip(database: Database) -> None:
    with database.glance() as connection:
        assert connection.scalars(select(Account.name)).all() == []
        driver: Any = connection.connection.dbapi_connection
        assert driver.info.transaction_status.name == "IDLE"
    with database.engine.connect() as connection:
        connection.execute(select(Account.name))
        driver = connection.connection.dbapi_connection
        assert driver.info.transaction_status.name == "INTRANS"


def test_the_databases_clock_is_the_machines_in_milliseconds(database: Database) -> None:
    with database.read() as session:
        told = session.scalar(select(now_ms()))
    assert told is not None
    assert abs(told - time.time() * 1000) < 5_000


def test_the_clock_moves_on_within_a_transaction(database: Database) -> None:
    with database.read() as session:
        first = session.scalar(select(now_ms())) or 0
        deadline = time.monotonic() + 5
        while (session.scalar(select(now_ms())) or 0) <= first:
            assert time.monotonic() < deadline


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_not_committed(database: Database) -> None:
    with database.write() as session:
        factories.account(session, name="writing")
        with ThreadPoolExecutor(1) as reader:
            assert reader.submit(_names, database).result(timeout=5) == []
    assert _names(database) == ["writing"]


def test_a_write_that_reads_first_is_not_overtaken(sqlite_database: Database) -> None:
    # A deferred transaction would fail here with "database is locked" instead of waiting.
    both_ready = threading.Barrier(2)

    def count_up() -> None:
        both_ready.wait()
        with sqlite_database.write() as session:
            found = session.scalars(select(Account)).all()
            factories.account(session, name=f"account-{len(found)}")

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(count_up) for _ in range(2)]:
            done.result(timeout=30)
    assert sorted(_names(sqlite_database)) == ["account-0", "account-1"]


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)]
)
def test_sqlite_is_durable_and_checks_its_keys(tmp_path: Path, pragma: str, value: object) -> None:
    database = Database(f"sqlite:///{tmp_path / 'callsheet.db'}")
    with database.engine.connect() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value
    database.close()


def test_a_database_that_answers_has_nothing_wrong(database: Database) -> None:
    assert database.ping() is None


def test_a_database_that_does_not_answer_says_why(tmp_path: object) -> None:
    away = Database(f"sqlite:///{tmp_path}/no/such/folder/callsheet.db")
    assert "unable to open" in (away.ping() or "")
    with pytest.raises(SQLAlchemyError), away.read() as session:
        session.execute(text("SELECT 1"))
    away.close()


def _fail_to_write(database: Database) -> None:
    with database.write() as session:
        factories.account(session, name="gone")
        raise RuntimeError


def _names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Account.name)))


def test_a_new_file_that_another_process_is_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")  # SQLite gives up at once where a log is to be begun beside this
    writer.execute("CREATE TABLE first (id INTEGER)")
    threading.Timer(0.3, writer.execute, ["COMMIT"]).start()
    database = Database(f"sqlite:///{path}")
    assert database.ping() is None
    database.close()
    writer.close()


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    sqlite3.connect(path).execute("CREATE TABLE first (id INTEGER)").connection.close()
    began = time.monotonic()
    database = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert "readonly" in (database.ping() or "")
    assert time.monotonic() - began < BUSY_TIMEOUT_SECONDS / 2
    database.close()
