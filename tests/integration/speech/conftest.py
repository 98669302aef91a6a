import pytest

from pipeline.speech import service as speech
from tests.integration.speech.takes import TEXT
from tests.support import factories
from tests.support.stage import Stage


@pytest.fixture
def text() -> str:
    """What the take says; a test of other texts has a fixture of its own."""
    return TEXT


@pytest.fixture
def take(stage: Stage, text: str) -> str:
    """A dispatched take of a voice that needs no making."""
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        asked = factories.take(session, started, factories.system_voice(session, started), text)
        speech.dispatch(session, "stage")
        return asked.id
