"""Takes and lines are found by how their fingerprints begin, and no account has two takes of one."""

import pytest
from sqlalchemy import Select, String, insert, select, type_coerce
from sqlalchemy.exc import IntegrityError

from pipeline.db.engine import Database
from pipeline.db.hashes import BEGINNING
from pipeline.intake.models import Line
from pipeline.speech.models import Take
from tests.support import factories
from tests.support.databases import on_sqlite

SHA = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"
OTHER = SHA[::-1]
OF_ONE = select(Take.id).where(Take.account_id == "a", Take.fingerprint == SHA)
OF_SOME = select(Take.id).where(Take.account_id == "a", Take.fingerprint.in_([SHA, OTHER]))
OF_A_LINE = (
    select(Take.id)
    .join(Line, Take.fingerprint == Line.fingerprint)
    .where(Take.account_id == "a", Line.production_id == "p", Line.line_id == "l")
)
TO_LINES = select(Line.line_id).join(Take, Line.fingerprint == Take.fingerprint).where(Take.id == "t")


def steps(database: Database, query: Select[str]) -> str:
    """Return how SQLite would answer."""
    asked = query.compile(database.engine, compile_kwargs={"literal_binds": True})
    with database.engine.connect() as connection:
        return " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}"))


@on_sqlite
@pytest.mark.parametrize("query", [OF_ONE, OF_SOME, OF_A_LINE])
def test_takes_are_found_by_their_index(database: Database, query: Select[str]) -> None:
    assert "uq_takes_account_id_fingerprint (account_id=? AND <expr>=?)" in steps(database, query)


@on_sqlite
def test_the_lines_of_a_take_are_found_by_their_index(database: Database) -> None:
    assert "ix_lines_fingerprint (<expr>=?)" in steps(database, TO_LINES)


@on_sqlite
def test_without_how_they_begin_all_takes_of_an_account_would_be_read(database: Database) -> None:
    whole = type_coerce(Take.fingerprint, String) == SHA
    assert "<expr>" not in steps(database, select(Take.id).where(Take.account_id == "a", whole))


def test_no_account_has_two_takes_of_one_sound(database: Database) -> None:
    with database.write() as session:
        made = factories.run(session, factories.account(session))
        take = factories.take(session, made, factories.voice(session, made))
        columns = {name: value for name, value in vars(take).items() if name in Take.__table__.columns}
    twin = {**columns, "id": factories.an_id("take"), "fingerprint": take.fingerprint[:BEGINNING] + OTHER[BEGINNING:]}
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(insert(Take), [twin])
    with database.write() as session:
        session.execute(insert(Take), [{**twin, "account_id": factories.account(session).id}])
