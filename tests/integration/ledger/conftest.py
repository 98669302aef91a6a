from collections.abc import Iterator

import pytest

from pipeline.db.engine import Database
from tests.support.books import OF_ROWS, OF_TIME, assert_books_balance


@pytest.fixture(autouse=True)
def _books_balance(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test that spends ends with an audit."""
    database: Database | None = request.getfixturevalue("database") if "database" in request.fixturenames else None
    yield
    if database is not None:
        with database.read() as session:
            assert_books_balance(session, leave_out=(*OF_ROWS, *OF_TIME))
