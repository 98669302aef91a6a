from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.db.engine import Database
from pipeline.speech.service import speaking
from tests.support.stage import Stage, open_stage


@pytest.fixture
def stage(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The pipeline on one thread; its books are audited at the end, and what is put off is put off for its longest."""
    monkeypatch.setattr(speaking, "random", SimpleNamespace(random=lambda: 1.0))
    with open_stage(database, tmp_path) as opened:
        yield opened
