import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.scratch import Scratch, clear_leftovers

HOLDS_ONE = """
from pipeline.scratch import Scratch
scratch = Scratch()
(scratch.path / "original").write_bytes(b"a voice")
print(scratch.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def somebody_else(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a process that has a recording in its scratch folder."""
    command = [sys.executable, "-c", HOLDS_ONE]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_is_there_for_as_long_as_it_is_used(temporary: Path) -> None:
    with Scratch() as folder:
        (folder / "deeper").mkdir()
        (folder / "deeper" / "original").write_bytes(b"a voice")
        assert folder.stat().st_mode & 0o077 == 0
    assert not list(temporary.iterdir())


def test_what_a_killed_process_has_left_is_deleted_and_what_a_running_one_has_is_not(temporary: Path) -> None:
    with somebody_else(temporary) as (_, used), somebody_else(temporary) as (killed, left):
        killed.kill()
        killed.wait()
        assert clear_leftovers() == 1
        assert not left.exists()
        assert (used / "original").read_bytes() == b"a voice"


def test_no_process_takes_its_own_folder_for_a_leftover() -> None:
    with Scratch() as folder:
        assert clear_leftovers() == 0
        assert folder.exists()


def test_a_deletion_that_was_cut_short_is_finished() -> None:
    scratch = Scratch()
    (scratch.path / "original").write_bytes(b"a voice")
    (scratch.path / ".owner").unlink()
    assert clear_leftovers() == 1
    assert not scratch.path.exists()
    scratch.close()


def test_what_belongs_to_another_user_is_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = temporary / "callsheet-scratch-theirs"
    folder.mkdir()

    def refuse(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        assert clear_leftovers() == 0
    assert folder.exists()
