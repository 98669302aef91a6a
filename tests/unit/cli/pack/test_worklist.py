"""What is remembered of a pack that was pulled before, and what of that is believed."""

import hashlib
from pathlib import Path

import pytest

from pipeline.cli.pack import worklist
from pipeline.cli.pack.worklist import Worklist
from pipeline.packs.rules import Layout
from tests.unit.cli.pack.productions import Api, Asked, pull, spoken

OUTSIDE = ["../outside.wav", "/etc/passwd", "en/../../outside.wav", "", ".", "a\0b", "a\ud800", "x" * 300, "x/" * 600]


def remembered(file: object, **change: object) -> list[str]:
    with Worklist() as work:
        work.remember([{"file": file, "sha256": "0" * 64, **change}])
        return [entry["file"] for entry, _ in work.left_over([])]


@pytest.mark.parametrize("file", OUTSIDE)
def test_a_manifest_that_names_what_is_not_of_the_pack_is_not_believed(file: str) -> None:
    assert remembered(file) == []
    assert remembered("en/MARA/a_1.wav") == ["en/MARA/a_1.wav"]


@pytest.mark.parametrize("change", [{"id": ["a_1"]}, {"language": {}}, {"sha256": None}, {"sha256": 1}])
def test_an_entry_with_a_value_of_another_kind_is_passed_over(change: dict[str, object]) -> None:
    assert remembered("a.wav", **change) == []
    assert remembered("a.wav", id="a_1", language="en") == ["a.wav"]


def _pruned(folder: Path) -> Path:
    """Prune a pack whose manifest claims a file beside its folder."""
    beside, pack = folder / "beside.wav", folder / "pack"
    beside.write_bytes(b"somebody's")
    digest = hashlib.sha256(b"somebody's").hexdigest()
    pack.mkdir()
    (pack / "manifest.json").write_text(f'{{"file": "../beside.wav", "sha256": "{digest}", "id": "x"}}\n')
    pull(Api(spoken()), pack, Asked(Layout.WWISE), prune=True)
    return beside


def test_pruning_deletes_nothing_outside_the_pack(tmp_path: Path) -> None:
    assert _pruned(tmp_path).exists()


def test_control_a_manifest_that_is_believed_has_a_file_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "_is_inside", lambda _file: True)
    assert not _pruned(tmp_path).exists()
