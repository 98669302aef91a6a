import pytest

from tests.support import factories
from tests.support.stage import Stage


@pytest.fixture
def owner(stage: Stage) -> str:
    with stage.database.write() as session:
        return factories.account(session, name="studio").id
