import json
from pathlib import Path

import pytest

from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.service.writing import write_words
from pipeline.quality.word_times import WordTime
from tests.support.feed_rules import broken_rules
from tests.support.timelines import SAID, publication, timeline

ENDINGS = [
    *(".vtt", ".srt", ".transcript.txt", ".transcript.md", ".transcript.html", ".transcript.json", ".chapters.json"),
    *(".rss.xml", ".notes.md", ".credits.json", ".credits.md"),
]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "ice.mp3"
    path.write_bytes(b"\xff" * 4_321)
    return path


def test_every_file_is_written_beside_the_sound_and_the_feed_points_at_those(tmp_path: Path, sound: Path) -> None:
    written = write_words(timeline(), {}, publication(), [sound], tmp_path)
    assert [path.name for path in written.files] == [f"ice{ending}" for ending in ENDINGS]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["ice.mp3", *(path.name for path in written.files)]
    )
    feed = (tmp_path / "ice.rss.xml").read_text(encoding="utf-8")
    assert broken_rules(feed) == []
    assert 'length="4321"' in feed
    assert json.loads((tmp_path / "ice.chapters.json").read_text(encoding="utf-8"))["fileName"] == "ice.mp3"


def test_lines_whose_words_were_spread_by_letters_are_named(tmp_path: Path) -> None:
    times = {"l1": [WordTime(word, at / 2, at / 2 + 0.4) for at, word in enumerate(SAID[1][2].split())], "l2": None}
    assert write_words(timeline(), times, publication(), [], tmp_path).estimated == ("l0", "l2", "l3", "l4")


def test_what_has_not_changed_is_not_written_again(tmp_path: Path, sound: Path) -> None:
    first = write_words(timeline(), {}, publication(), [sound], tmp_path)
    before = {path: path.stat().st_ino for path in first.files}
    write_words(timeline(), {}, publication(), [sound], tmp_path)
    assert {path: path.stat().st_ino for path in first.files} == before
    sound.write_bytes(b"\xff" * 9)
    write_words(timeline(), {}, publication(), [sound], tmp_path)
    assert [path.name for path in first.files if path.stat().st_ino != before[path]] == ["ice.rss.xml"]


def test_a_disk_that_fails_leaves_the_old_file_whole_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_words(timeline(), {}, publication(), [], tmp_path)
    old = (tmp_path / "ice.vtt").read_bytes()

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_words(timeline(before=5.0), {}, publication(), [], tmp_path)
    assert (tmp_path / "ice.vtt").read_bytes() == old
    assert not list(tmp_path.glob(".*"))


def test_an_episode_without_sound_or_lines_is_written_all_the_same(tmp_path: Path) -> None:
    written = write_words(Timeline([], [], 0.0), {}, publication(), [], tmp_path / "new")
    assert all(path.is_file() for path in written.files)
