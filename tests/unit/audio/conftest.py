import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.audio import ChildLimits, prepare
from pipeline.audio.report import report


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the child's work here: a process start for each of a hundred files would be most of their time."""

    def run(_module: str, arguments: Sequence[str], workdir: Path, _limits: ChildLimits) -> bytes:
        request = json.loads(arguments[0])
        return json.dumps(report(Path(request["source"]), request["container"], request["rules"], workdir)).encode()

    monkeypatch.setattr(prepare, "run_bounded", run)
