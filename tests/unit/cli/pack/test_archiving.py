"""A pack as one archive: all of it and nothing else, the same bytes for the same pack, whole or not at all."""

import shutil
import zipfile
from pathlib import Path

import pytest

from pipeline.cli.pack import Puller, archiving
from pipeline.errors import EnvironmentFault, UsageError
from pipeline.packs.rules import Asked, Layout
from tests.unit.cli.pack.productions import Api, files, spoken

FMOD = Asked(Layout.FMOD)
LINES = (spoken(), spoken("ü_2", language="de"))


def pull(folder: Path, archive: Path, *, api: Api | None = None) -> None:
    puller = Puller(api or Api(*LINES), folder, FMOD, archive=archive)  # type: ignore[arg-type] # all it asks of the API
    assert puller.pull("game")["archive"] == str(archive)


def test_an_archive_holds_the_pack_and_nothing_else(tmp_path: Path) -> None:
    folder, archive = tmp_path / "VO", tmp_path / "out" / "VO.zip"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    pull(folder, archive)
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == sorted(files(folder) - {"notes.txt"})
        assert {packed.read(name) == (folder / name).read_bytes() for name in packed.namelist()} == {True}
        assert {entry.compress_type for entry in packed.infolist()} == {zipfile.ZIP_STORED}
    assert files(archive.parent) == {"VO.zip"}


def test_what_left_the_sheet_is_not_in_the_archive(tmp_path: Path) -> None:
    pull(tmp_path / "VO", tmp_path / "VO.zip")
    pull(tmp_path / "VO", tmp_path / "VO.zip", api=Api(LINES[0]))
    with zipfile.ZipFile(tmp_path / "VO.zip") as packed:
        assert "de/ü_2.wav" not in packed.namelist()


def test_the_archive_of_an_unchanged_pack_is_the_same_to_the_byte(tmp_path: Path) -> None:
    for place in ("one", "two"):
        pull(tmp_path / place / "VO", tmp_path / f"{place}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_with_the_dates_of_its_files_it_would_be_another_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(tmp_path / "VO", tmp_path / "one.zip")
    monkeypatch.setattr(archiving, "_EARLIEST", (2026, 1, 31, 0, 0, 0))
    pull(tmp_path / "VO", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() != (tmp_path / "two.zip").read_bytes()


def test_what_is_large_has_the_fields_of_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1_000)
    pull(tmp_path / "VO", tmp_path / "VO.zip")
    with zipfile.ZipFile(tmp_path / "VO.zip") as packed:
        assert packed.testzip() is None
        assert packed.getinfo("en/a_1.wav").extract_version == zipfile.ZIP64_VERSION


def test_an_archive_that_could_not_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(tmp_path / "VO", tmp_path / "VO.zip")
    before = (tmp_path / "VO.zip").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        pull(tmp_path / "VO", tmp_path / "VO.zip")
    assert (tmp_path / "VO.zip").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["VO", "VO.tar", "folder.zip"])
def test_a_name_that_no_archive_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(UsageError):
        archiving.require_archive(tmp_path / name)
