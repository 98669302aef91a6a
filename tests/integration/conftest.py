from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.db.engine import Database
from tests.support.stage import Stage, open_stage


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    """The pipeline on one thread; its books are audited at the end."""
    with open_stage(database, tmp_path) as opened:
        yield opened
