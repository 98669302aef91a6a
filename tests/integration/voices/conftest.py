from dataclasses import replace

import pytest

from pipeline.provider.port import ChargeMoment
from tests.support.stage import Stage


@pytest.fixture
def by_chosen_id(stage: Stage) -> None:
    """The provider makes a voice under the id we ask for, charges when it first speaks, and tells no balance."""
    stage.provider.abilities = replace(
        stage.provider.abilities,
        one_at_a_time=False,
        client_chosen_id=True,
        reports_balance=False,
        charge_moment=ChargeMoment.FIRST_USE,
    )


@pytest.fixture
def late(stage: Stage) -> None:
    """What a paid call has done may show up two minutes later."""
    stage.provider.abilities = replace(stage.provider.abilities, lateness_seconds=120.0)
