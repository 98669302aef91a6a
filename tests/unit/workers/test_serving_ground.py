import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.errors import EnvironmentFault
from pipeline.settings import load_settings
from pipeline.storage.port import StorageError
from workers.serving import ground


def test_a_process_waits_until_what_it_needs_is_there_and_answers() -> None:
    answers = iter([StorageError("not yet"), False, True])

    def is_so() -> bool:
        answer = next(answers)
        if isinstance(answer, StorageError):
            raise answer
        return answer

    ground.wait_until("the bucket is there", is_so)
    assert next(answers, None) is None


def test_a_process_that_waits_in_vain_says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(EnvironmentFault, match="until the bucket is there"):
        ground.wait_until("the bucket is there", lambda: False)


def test_a_process_that_starts_deletes_what_a_killed_one_was_working_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(ground.wiring, "edge", lambda *_: SimpleNamespace(database=None))
    monkeypatch.setattr(ground, "is_current", lambda _: True)
    left = tmp_path / "callsheet-scratch-left"
    left.mkdir()
    (left / "original").write_bytes(b"a voice")
    ground.open_edge(load_settings().model_copy(update={"broker_url": "redis://127.0.0.1:1"}))
    assert not left.exists()
