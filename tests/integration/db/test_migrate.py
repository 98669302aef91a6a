"""Every part that starts may find an empty database, and several start at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect

from pipeline.db.engine import Database
from pipeline.db.migrate import is_current, upgrade
from pipeline.schema import metadata
from tests.support.databases import Maker

ROOT = Path(__file__).parents[3]
AT_ONCE = 4
STARTED_TOGETHER = """
import os, sys
import alembic.command, alembic.config, pipeline.schema  # once, before the processes part
from pipeline.db import migrate
from pipeline.db.engine import Database

url, count, *words = sys.argv[1:]
gate, opening = os.pipe()
arrivals, arriving = os.pipe()

def migrate_too():
    os.close(opening)
    if "unlocked" in words:
        migrate.LOCK = os.getpid()  # each its own
    database = Database(url)
    assert not migrate.is_current(database)
    migrate.is_current = lambda _database: False  # as it was when all of them looked
    os.write(arriving, b".")
    os.close(arriving)
    os.read(gate, 1)  # until the parent opens it for all
    migrate.upgrade(database)
    database.close()

def child():
    try:
        migrate_too()
    except BaseException as error:
        print(type(error).__name__, str(error)[:200], flush=True)
        os._exit(1)
    os._exit(0)

pids = [os.fork() or child() for _ in range(int(count))]
os.close(arriving)  # else one that died early would be waited for
for _ in pids:
    os.read(arrivals, 1)
os.close(opening)
for pid in pids:
    os.waitpid(pid, 0)
"""


@pytest.fixture
def empty(maker: Maker) -> Iterator[Database]:
    with maker.fresh(bare=True) as database:
        yield database


def failures(database: Database, *words: str) -> list[str]:
    """Let several processes migrate the same database at once; return what those said that failed."""
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-W", "ignore", "-c", STARTED_TOGETHER, url, str(AT_ONCE), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()


def test_four_migrations_at_once_make_one_schema(empty: Database) -> None:
    assert failures(empty) == []
    assert is_current(empty)
    assert set(inspect(empty.engine).get_table_names()) == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("maker", ["postgresql"], indirect=True)
def test_without_the_lock_they_collide(empty: Database) -> None:
    assert failures(empty, "unlocked")
    assert is_current(empty)


def test_a_current_schema_is_left_alone(database: Database) -> None:
    upgrade(database)
    assert is_current(database)
