import stat
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault
from workers.stack.files import last_lines, private_folder, read_json, write_private, write_private_json


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_closed_to_others_also_where_it_was_open(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_text_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_folder_is_closed_also_where_it_was_open(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert mode(private_folder(tmp_path)) == 0o700


def test_json_comes_back_as_it_went_and_a_missing_file_is_empty(tmp_path: Path) -> None:
    write_private_json(tmp_path / "facts", {"a": 1})
    assert read_json(tmp_path / "facts") == {"a": 1}
    assert read_json(tmp_path / "none") == {}


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_file_that_holds_no_object_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "facts").write_text(text)
    with pytest.raises(EnvironmentFault, match="facts") as caught:
        read_json(tmp_path / "facts")
    assert "Remove" in caught.value.hint


def test_the_end_of_a_log_is_read_without_reading_all_of_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff" * 100_000 + b"\nlast but one\nlast\n")
    assert last_lines(log, 2) == ["last but one", "last"]
    assert last_lines(tmp_path / "none", 2) == []
