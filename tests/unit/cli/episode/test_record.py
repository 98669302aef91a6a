"""A built episode stands as long as it is made of the same and its files are as they were written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.episode.record import made_of, remember, standing
from pipeline.cli.episode.takes import StoredTake
from pipeline.intake.rules.episode import Episode, Music, Pauses
from pipeline.packs.rules.episode.timeline import Piece

PIECE = Piece("a", "ADA", "Ada", "One.")
EPISODE = Episode(show="Ice", intro=Music("intro.mp3"))


def take(**change: object) -> StoredTake:
    return StoredTake(Path("a.mp3"), {"sha256": "1", "said": "One.", "cost_micros": 5, **change})


def made(folder: Path, *facts: object, piece: Piece = PIECE, episode: Episode = EPISODE, **change: object) -> str:
    return made_of([piece], {"a": take(**change)}, episode, folder, *(facts or ("mp3",)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "intro.mp3").write_bytes(b"music")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        {"piece": replace(PIECE, text="Two.")},
        {"piece": replace(PIECE, pause_after=1.0)},
        {"sha256": "2"},
        {"episode": replace(EPISODE, pauses=Pauses(line=0.5))},
        {"episode": replace(EPISODE, intro=None)},
    ],
)
def test_whatever_shapes_it_makes_it_another(folder: Path, change: dict[str, Any]) -> None:
    assert made(folder) == made(folder)
    assert made(folder, **change) != made(folder)


def test_other_formats_and_other_music_make_it_another(folder: Path) -> None:
    before = made(folder)
    assert made(folder, "wav") != before
    (folder / "intro.mp3").write_bytes(b"other music")
    assert made(folder) != before


def test_it_stands_until_a_file_is_touched_or_gone(folder: Path) -> None:
    record, sound = folder / "x.episode.json", folder / "x.mp3"
    assert standing(record, "m") is None
    sound.write_bytes(b"sound")
    remember(record, "m", {"seconds": 1.0}, [sound])
    assert (standing(record, "m") or {})["seconds"] == 1.0
    assert standing(record, "other") is None
    sound.write_bytes(b"noise")
    assert standing(record, "m") is None
    sound.unlink()
    assert standing(record, "m") is None


def test_a_record_that_was_edited_is_no_record(folder: Path) -> None:
    record, sound = folder / "x.episode.json", folder / "x.mp3"
    sound.write_bytes(b"sound")
    remember(record, "m", {"seconds": 1.0, "title": "Ice"}, [sound])
    whole = record.read_text()
    for edited in (whole.replace("1.0", '"long"'), whole.replace('"title": "Ice",', ""), whole.replace("x.mp3", "..")):
        assert edited != whole
        record.write_text(edited)
        assert standing(record, "m") is None


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, "[]", "null", '{"made_of": "m"}', '{"made_of": "m", "hashes": []}']
)
def test_a_record_that_is_none_is_no_record(folder: Path, content: str) -> None:
    record = folder / "x.episode.json"
    record.write_text(content)
    assert standing(record, "m") is None
