"""The migrations make the schema that the models describe, and no amount of money is ever a float."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import BigInteger, Float, Integer, Numeric, inspect, text

from pipeline.db.engine import Database
from pipeline.db.migrate import is_current, upgrade
from pipeline.schema import metadata
from tests.support.databases import Maker

AMOUNTS = {"amount", "balance_before", "cap", "cost", "estimate", "held", "overrun", "price", "retaken", "spent"}
"""Every column that holds micro-dollars."""


# Neither reflects an index over an expression on SQLite: what was said to make them is compared below.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index:UserWarning"),
]


def test_the_migrations_leave_nothing_to_be_migrated(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_migrated_database_has_the_checks_indexes_and_triggers_of_a_fresh_one(
    maker: Maker, database: Database
) -> None:
    with maker.fresh(bare=True) as created:
        metadata.create_all(created.engine)
        assert _described(database) == _described(created)


def test_a_bare_database_is_not_current_and_is_brought_up_once(maker: Maker) -> None:
    with maker.fresh(bare=True) as bare:
        assert not is_current(bare)
        upgrade(bare)
        assert is_current(bare)
        upgrade(bare)
        assert is_current(bare)


def test_amounts_are_wide_integers() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert {column.name for column in columns} >= AMOUNTS
    assert [str(c) for c in columns if c.name in AMOUNTS and not isinstance(c.type, BigInteger)] == []


def test_the_only_floats_are_seconds_and_how_a_line_is_delivered() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    inexact = {c.name for c in columns if isinstance(c.type, Numeric | Float) and not isinstance(c.type, Integer)}
    assert inexact == {"seconds", "speed", "volume"}


def _described(database: Database) -> dict[str, Any]:
    found = inspect(database.engine)
    tables = set(found.get_table_names()) - {"alembic_version"}
    return {
        "tables": {
            table: {
                "checks": sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(table)),
                "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)),
                "foreign keys": sorted(str(key["name"]) for key in found.get_foreign_keys(table)),
                "indexes": sorted(_index(index) for index in found.get_indexes(table)),
            }
            for table in tables
        },
        "statements": _statements(database),
        "triggers": _triggers(database),
    }


def _statements(database: Database) -> list[tuple[str, str]]:
    """Return what SQLite was told: it reflects neither an index over an expression nor a table without row ids."""
    if not database.is_sqlite:
        return []
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    bare = "SELECT name, 'by its key' FROM pragma_table_list WHERE wr ORDER BY name"
    with database.engine.connect() as connection:
        return [(name, said) for asked in (query, bare) for name, said in connection.execute(text(asked))]


def _index(index: Any) -> tuple[str, ...]:
    predicates = {str(value) for option, value in index.get("dialect_options", {}).items() if option.endswith("where")}
    return (index["name"], str(index["unique"]), *index["column_names"], *predicates)


def _triggers(database: Database) -> list[str]:
    catalogue = "sqlite_master WHERE type = 'trigger'" if database.is_sqlite else "pg_trigger WHERE NOT tgisinternal"
    column = "name" if database.is_sqlite else "tgname"
    with database.engine.connect() as connection:
        return sorted(connection.scalars(text(f"SELECT {column} FROM {catalogue}")))
