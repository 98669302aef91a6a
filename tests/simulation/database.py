"""The real schema with its constraints and triggers, in SQLite's memory, under a clock and with outages of our own."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from pipeline.db.engine import READ_ONLY, Database
from pipeline.db.migrate import upgrade
from tests.simulation.world import World

LONGEST_OUTAGE_MS = 90_000


class DatabaseAway(OperationalError):
    """The database cannot be reached, or went away before its answer came."""

    def __init__(self) -> None:
        super().__init__("", {}, Exception("the database is away"))


class Commit(StrEnum):
    """What becomes of a transaction."""

    DONE = "done"
    UNDONE = "undone"
    """It failed."""
    UNHEARD = "unheard"
    """It was done, and the answer never came."""


class SimulatedDatabase(Database):
    """One database for one history after the other: each begins with a copy of the template.

    A transaction is one step: SQLite has one writer at a time, and nobody reads what is not committed.
    """

    world: World

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.raw.execute("PRAGMA foreign_keys = ON")
        self.raw.execute("PRAGMA recursive_triggers = ON")
        self.url = make_url("sqlite://")
        self._queue = None
        self.engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        event.listen(self.engine, "begin", _begin)
        self._writes = sessionmaker(self.engine, expire_on_commit=False)
        self._glances = self.engine.execution_options(**{READ_ONLY: True})
        self._reads = sessionmaker(self._glances, autoflush=False)
        self._template = sqlite3.connect(":memory:", check_same_thread=False)
        self._away_until = 0
        upgrade(self)

    def lay_template(self, world: World, fill: Callable[[Session], None]) -> None:
        """Fill the empty database with what every history begins with."""
        self._keep_time(world)
        with super().write() as session:
            fill(session)
        self.raw.backup(self._template)

    def begin_history(self, world: World) -> None:
        """Begin anew with the template."""
        self._away_until = 0
        self._template.backup(self.raw)
        self._keep_time(world)

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Session]:  # noqa: ARG002 - there is one thread
        """Run one transaction that may write: it may fail to begin, fail to commit, or commit unheard."""
        self._reach("write")
        fate = self._fate()
        with self._inside(), super().write() as session:
            yield session
            if fate is Commit.UNDONE:
                raise DatabaseAway
        if fate is Commit.UNHEARD:
            raise DatabaseAway
        self.world.step("committed")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run one transaction that only reads."""
        self._reach("read")
        with self._inside(), super().read() as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Ask one question."""
        self._reach("read")
        with self._inside(), super().glance() as connection:
            yield connection

    @contextmanager
    def look(self) -> Iterator[Session]:
        """Read as somebody who watches from outside; takes no time, and nothing can go wrong."""
        with super().read() as session:
            yield session

    def ask(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Ask for the same in a word of SQL."""
        return self.raw.execute(query, values).fetchall()

    def is_away(self) -> bool:
        """Tell whether nobody can reach it."""
        return self.world.clock.now < self._away_until

    def _keep_time(self, world: World) -> None:
        self.world = world
        # A function of our own takes the place of SQLite's: the product's queries ask for the time by it.
        self.raw.create_function("julianday", 1, lambda _: world.clock.julian_day)

    def _reach(self, what: str) -> None:
        self.world.step(what)
        if not self.is_away() and self.world.chance(self.world.weather.away):
            self._away_until = self.world.clock.now + self.world.rng.randrange(LONGEST_OUTAGE_MS)
            self.world.note(f"the database is away until {self._away_until}")
        if self.is_away():
            raise DatabaseAway

    def _fate(self) -> Commit:
        weather = self.world.weather
        if self.world.chance(weather.undone):
            return Commit.UNDONE
        return Commit.UNHEARD if self.world.chance(weather.unheard) else Commit.DONE

    @contextmanager
    def _inside(self) -> Iterator[None]:
        actor = self.world.scheduler.current
        actor.depth += 1
        try:
            yield
        finally:
            actor.depth -= 1


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")
