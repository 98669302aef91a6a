"""Thousands of new rows at once, past the compilation of a statement for each row."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import compress

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from pipeline.db.base import Base

ROOM_KB = 64_000
"""Of SQLite's cache while thousands of rows are written: their fingerprints lie all over an index.

With its own 2 MB it writes and reads the same pages several times in one transaction, which costs a third more.
"""


@contextmanager
def roomy(session: Session) -> Iterator[None]:
    """Let a transaction of SQLite keep more of the database in memory; it is given back at the end."""
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    connection = session.connection()
    kept = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{ROOM_KB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {kept}")


def insert_rows(session: Session, table: type[Base], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write new rows. `rows` hold plain values as the database keeps them: texts of enums, JSON written out.

    Defaults of the columns are not applied; constraints and triggers are.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        _execute_many(connection, f"INSERT INTO {table.__tablename__} ({', '.join(columns)})", list(rows))
    else:
        _copy(connection, f"COPY {table.__tablename__} ({', '.join(columns)}) FROM STDIN", rows)


def _execute_many(connection: Connection, statement: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows; what is the same in all of them stands in the statement.

    To bind a value costs SQLite as much as to store it, and of a take's columns half are empty or 0 in every row.
    """
    if not rows:
        return
    shared = [_literal(column) for column in zip(*rows, strict=True)]
    values = ", ".join("?" if literal is None else literal for literal in shared)
    is_bound = [literal is None for literal in shared]
    connection.exec_driver_sql(f"{statement} VALUES ({values})", [tuple(compress(row, is_bound)) for row in rows])


def _literal(column: Sequence[object]) -> str | None:
    """Return how SQL writes what a column has in every row, where that is a whole number or nothing; else None."""
    first = column[0]
    if first is not None and type(first) is not int:
        return None
    return ("NULL" if first is None else str(first)) if column.count(first) == len(column) else None


def _copy(connection: Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was given back")
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
