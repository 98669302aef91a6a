"""Thousands of new rows at once, past the compilation of a statement for each row."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

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
        places = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - the names are ours
        connection.exec_driver_sql(statement, list(map(tuple, rows)))
    else:
        _copy(connection, f"COPY {table.__tablename__} ({', '.join(columns)}) FROM STDIN", rows)


def _copy(connection: Connection, statement: str, rows: Iterable[Sequence[object]]) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was given back")
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
