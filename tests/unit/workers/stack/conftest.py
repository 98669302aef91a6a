import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.settings import load_settings
from workers.stack.ground import Ground


@pytest.fixture(autouse=True)
def bare_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(("CALLSHEET_", "KYMA_", "FLOWER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "h"


@pytest.fixture
def ground(home: Path) -> Callable[..., Ground]:
    """Survey the home folder with settings read anew, as a start does."""
    return lambda **flags: Ground.survey(load_settings(home=home, **flags))
