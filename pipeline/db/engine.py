"""One engine for SQLite and PostgreSQL, and the kinds of transaction: `write`, `read`, and a `glance` that is none."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pipeline.db.queueing import WriteQueue

BUSY_TIMEOUT_SECONDS = 30
WAL_POLL_SECONDS = 0.01
READ_ONLY = "callsheet_read_only"


class Database:
    """The only truth. Thread-safe; sessions are not."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = make_url(url)
        self.engine = _sqlite(url, pool_size) if self.is_sqlite else _postgresql(url, pool_size)
        self._queue = WriteQueue() if self.is_sqlite else None
        self._writes = sessionmaker(self.engine, expire_on_commit=False)
        readers = self.engine.execution_options(**{READ_ONLY: True})
        self._reads = sessionmaker(readers, autoflush=False)
        # SQLite reads in a transaction of its own anyhow, and the driver must not change its mind about who begins it.
        self._glances = readers if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def is_sqlite(self) -> bool:
        """Tell SQLite from PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:
        """Run one transaction that may write; it commits at the end or leaves no trace.

        On SQLite the threads of a process write in the order they came; `first` goes before those who wait.
        """
        with self._turn(first=first), self._writes.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run one transaction that only reads and never waits for a writer."""
        with self._reads() as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Ask one question in one round trip: where each has a transaction of its own, it is three."""
        with self._glances.connect() as connection:
            yield connection

    def ping(self) -> str | None:
        """Return what is wrong with the database, or None."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return str(error.__cause__ or error)
        return None

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _turn(self, *, first: bool) -> AbstractContextManager[None]:
        return self._queue.turn(first=first) if self._queue else nullcontext()


def _postgresql(url: str, pool_size: int) -> Engine:
    return create_engine(url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


def _sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's objects
    connection.isolation_level = None  # the driver must not begin for us: see _begin_sqlite
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    _keep_a_log(connection)
    for pragma in (
        "synchronous = FULL",  # a committed charge survives a power cut
        "foreign_keys = ON",
        "recursive_triggers = ON",  # REPLACE removes rows too: the ledger's trigger has to see it
    ):
        connection.execute(f"PRAGMA {pragma}")


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Let the file have a write-ahead log: where several open a new one at once, SQLite waits for none of them."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_POLL_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once with SQLITE_BUSY: take the lock first.
    read_only = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")
