from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from pipeline.storage.spool import Spool


def test_an_answer_is_kept_until_it_is_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.write("try_1", b"answer")
    assert spool.read("try_1") == b"answer"
    assert [(entry.name, entry.content) for entry in spool.entries()] == [("try_1", b"answer")]
    spool.remove("try_1")
    spool.remove("try_1")
    assert spool.read("try_1") is None
    assert list(spool.entries()) == []


def test_an_answer_reaches_the_disk_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").resolve()))
    )
    Spool(tmp_path).write("try_1", b"answer")
    assert len(synced) == 2
    assert synced[0].endswith(".partial")
    assert synced[1] == str(tmp_path.resolve())


def test_what_was_not_written_to_its_end_is_no_answer(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "try_1.77.1.partial").write_bytes(b"hal")
    assert list(spool.entries()) == []


def test_entries_are_told_by_prefix_and_age(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name in ("take_2", "take_1", "try_1"):
        spool.write(name, b"")
    assert [entry.name for entry in spool.entries("take_")] == ["take_1", "take_2"]
    assert list(spool.entries(older_than=3600)) == []


@pytest.mark.parametrize("name", ["", "../try_1", ".hidden", "a/b", "a\0b", "x" * 201])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        Spool(tmp_path).write(name, b"")


def test_a_folder_that_cannot_be_written_is_a_clear_fault(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(EnvironmentFault, match="could not be kept"):
        Spool(tmp_path / "spool").write("try_1", b"")
