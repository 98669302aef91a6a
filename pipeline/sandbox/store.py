"""One SQLite file and the one thread that may touch it.

WAL with `synchronous=NORMAL`: a commit survives a killed process, which is what the sandbox promises; only a
power cut may take the last commits back. One thread keeps the order of commits equal to the order of calls.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY,
    granted INTEGER NOT NULL CHECK (granted >= 0),
    balance INTEGER NOT NULL CHECK (balance >= 0 AND balance <= granted)
) STRICT;
CREATE TABLE IF NOT EXISTS calls (
    request_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, method TEXT NOT NULL, route TEXT NOT NULL,
    user TEXT NOT NULL, key_id TEXT NOT NULL, body_sha256 TEXT NOT NULL, body_bytes INTEGER NOT NULL,
    file_sha256 TEXT NOT NULL, label TEXT NOT NULL, idempotency_key TEXT NOT NULL, retry_count TEXT NOT NULL,
    faults TEXT NOT NULL, status INTEGER, error_code TEXT NOT NULL, charged INTEGER NOT NULL,
    delivery TEXT NOT NULL, vanished INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS voices (
    voice_id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users, name TEXT, kind TEXT NOT NULL,
    model TEXT NOT NULL, profile TEXT NOT NULL, request_id TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,
    last_used_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS fees (
    voice_id TEXT PRIMARY KEY REFERENCES voices, operation TEXT NOT NULL, model TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0)
) STRICT;
CREATE TABLE IF NOT EXISTS deletions (voice_id TEXT PRIMARY KEY REFERENCES voices, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL REFERENCES users,
    request_id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, operation TEXT NOT NULL, model TEXT NOT NULL,
    units INTEGER NOT NULL CHECK (units > 0), amount INTEGER NOT NULL CHECK (amount > 0),
    balance_after INTEGER NOT NULL CHECK (balance_after >= 0), voice_id TEXT
) STRICT;
CREATE TRIGGER IF NOT EXISTS charges_stay BEFORE UPDATE ON charges
    BEGIN SELECT RAISE(ABORT, 'a charge is never changed'); END;
CREATE TRIGGER IF NOT EXISTS charges_remain BEFORE DELETE ON charges
    BEGIN SELECT RAISE(ABORT, 'a charge is never deleted'); END;
CREATE TABLE IF NOT EXISTS renditions (
    sha256 TEXT PRIMARY KEY, text TEXT NOT NULL, voice_id TEXT NOT NULL, seconds REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS replays (
    user TEXT NOT NULL, idempotency_key TEXT NOT NULL, fingerprint TEXT NOT NULL, request_id TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (user, idempotency_key)
) STRICT;
"""
_TABLES = ("meta", "calls", "charges", "renditions", "replays", "fees", "deletions", "voices", "users")


class Store:
    """A connection, its transactions, and the thread they run on."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Calls come from the pool's one thread once the server runs; the constructor runs on another.
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-store")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock from the first statement on; commit at the end, roll back on any error."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run on the store's thread and wait."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run on the store's thread, after everything that was asked before."""
        return self._thread.submit(function, *args, **kwargs)

    def wipe(self) -> None:
        """Forget everything. Tables are dropped, because charges refuse to be deleted."""
        with self.transaction() as connection:
            for table in _TABLES:
                connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Finish what was asked, then close the file."""
        self._thread.shutdown(wait=True)
        self._connection.close()
