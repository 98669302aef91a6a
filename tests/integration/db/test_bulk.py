"""Rows that are written by the thousand are what was given, whichever of their values go with the statement."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete, event, select

from pipeline.db import bulk
from pipeline.db.bulk import insert_rows
from pipeline.db.engine import Database
from pipeline.intake.models import Production
from pipeline.speech.models import TallyChange
from tests.support import factories
from tests.support.databases import on_sqlite

COLUMNS = ("run_id", "state", "cause", "takes")


def written(database: Database, rows: Sequence[Sequence[object]], columns: Sequence[str] = COLUMNS) -> list[object]:
    with database.write() as session:
        insert_rows(session, TallyChange, columns, rows)
    with database.read() as session:
        kept = session.scalars(select(TallyChange).order_by(TallyChange.id))
        return [tuple(getattr(row, name) for name in columns) for row in kept]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("run_1", "open", "", 1)],
        [("run_1", "open", "it's '?', NULL", 1), ("run_1", "open", "it's '?', NULL", 1)],
        [("run_1", "open", "", 0), ("run_1", "done", "", -1)],
    ],
)
def test_rows_are_kept_as_they_were_given(database: Database, rows: Sequence[Sequence[object]]) -> None:
    assert written(database, rows) == rows


@pytest.mark.parametrize("retakes", [(None, None), (None, 2), (2, None), (0, 0)])
def test_what_is_empty_in_some_rows_or_all_is_kept_so(database: Database, retakes: Sequence[int | None]) -> None:
    with database.write() as session:
        account = factories.account(session).id
        columns = ("id", "account_id", "name", "title", "language", "created_at", "retakes")
        rows = [(f"prod_{n}", account, f"p{n}", "", "en", 1, allowed) for n, allowed in enumerate(retakes)]
        insert_rows(session, Production, columns, rows)
    with database.read() as session:
        assert tuple(session.scalars(select(Production.retakes).order_by(Production.id))) == retakes


@on_sqlite
def test_what_is_empty_or_a_number_in_all_rows_is_not_bound(database: Database) -> None:
    bound: list[object] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: bound.append(given[3]))
    written(database, [("run_1", "open", "", 7), ("run_2", "open", "", 7)])
    assert [("run_1", "open", ""), ("run_2", "open", "")] in bound


@on_sqlite
def test_a_value_that_only_the_first_row_has_is_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: were the first row taken for all, the second would lose what it has."""
    rows = [("run_1", "open", "", 1), ("run_1", "open", "", 2)]
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_literal", lambda column: str(column[0]) if isinstance(column[0], int) else None)
        assert written(database, rows) != rows
    with database.write() as session:
        session.execute(delete(TallyChange))
    assert written(database, rows) == rows
