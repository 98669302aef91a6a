from collections.abc import Callable

import pytest
from fastapi import FastAPI

from pipeline.api.app import create_app
from pipeline.ledger.accounts import issue_key
from tests.integration.api.callers import Caller
from tests.support import factories
from tests.support.databases import Maker, SqliteMaker
from tests.support.stage import Stage


@pytest.fixture
def maker(sqlite_maker: SqliteMaker) -> Maker:
    """One kind of database; what PostgreSQL takes otherwise is asked in test_cursors.py of both."""
    return sqlite_maker


@pytest.fixture
def app(stage: Stage) -> FastAPI:
    return create_app(stage.edge)


@pytest.fixture
def caller(app: FastAPI, stage: Stage) -> Callable[[], Caller]:
    """Opens an account each time and speaks for it."""

    def opened() -> Caller:
        with stage.edge.write() as session:
            owner = factories.account(session)
            # Its recording has been prepared already: what a decoder makes of it is no matter of the API.
            factories.reference(session, owner, "mara")
            stage.add_recording("mara")
            return Caller(app, stage, issue_key(session, owner.id), owner.id)

    return opened


@pytest.fixture
def studio(caller: Callable[[], Caller]) -> Caller:
    return caller()


@pytest.fixture
def stranger(app: FastAPI, stage: Stage) -> Caller:
    """Somebody without a key."""
    return Caller(app, stage)
