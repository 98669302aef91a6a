"""An episode's music is there and is music, before anything is spoken."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline.cli.episode.building import publication_of
from pipeline.cli.episode.music import SHARED, bring_shared, require_usable
from pipeline.cli.episode.script import Script
from pipeline.cli.submission import LocalProject
from pipeline.errors import EnvironmentFault, InvalidSheet

COVER = Path(__file__).parents[4] / "examples" / "episode" / "cover.png"
SCRIPT = """---
production: lamp
characters: {{HOST: {{voice: {{system: English_Narrator}}}}}}
episode: {{narrator: HOST, {music}}}
---

A lamp.
"""


class Bucket:
    """The API as far as music asks it."""

    def __init__(self, **pieces: bytes) -> None:
        self.pieces, self.fetched = pieces, 0
        self.suffix: dict[str, str] = {}

    def pages(self, path: str, cursor: str) -> Iterator[dict[str, Any]]:
        assert (path, cursor) == ("/music", "name")
        for name, body in self.pieces.items():
            yield {
                "name": name,
                "suffix": self.suffix.get(name, ".ogg"),
                "sha256": hashlib.sha256(body).hexdigest(),
                "url": name,
            }

    def download(self, url: str) -> bytes:
        self.fetched += 1
        return self.pieces[url]


@pytest.fixture
def bucket() -> Any:
    """Not typed: it stands where a `Client` is wanted."""
    return Bucket(theme=b"one", rain=b"two")


def script(folder: Path, music: str, more: str = "") -> LocalProject:
    (folder / "lamp.md").write_text(SCRIPT.format(music=music) + more)
    return LocalProject.read(folder / "lamp.md")


def refused(local: LocalProject, **music: Path) -> list[dict[str, Any]]:
    with pytest.raises(InvalidSheet) as raised:
        require_usable(local, music)
    problems: list[dict[str, Any]] = raised.value.data["problems"]
    return problems


def test_music_of_the_bucket_is_fetched_once_and_again_when_it_was_replaced(bucket: Any, tmp_path: Path) -> None:
    local = script(tmp_path, "intro: 'bucket:theme', outro: 'bucket:theme'")
    (path,) = bring_shared(bucket, local, tmp_path / "out").values()
    assert (path.parent.name, path.read_bytes()) == (SHARED, b"one")
    bring_shared(bucket, local, tmp_path / "out")
    assert bucket.fetched == 1
    bucket.pieces["theme"] = b"three"
    (newer,) = bring_shared(bucket, local, tmp_path / "out").values()
    assert (newer.read_bytes(), path.exists(), bucket.fetched) == (b"three", False, 2)
    newer.write_bytes(b"torn")
    assert bring_shared(bucket, local, tmp_path / "out")["theme"].read_bytes() == b"three"


def test_nothing_is_asked_of_the_bucket_for_a_script_that_names_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "in.ogg").write_bytes(b"x")
    nobody: Any = None
    assert bring_shared(nobody, script(tmp_path, "intro: in.ogg"), tmp_path / "out") == {}
    assert not (tmp_path / "out").exists()


def test_every_name_that_there_is_not_is_told_with_what_there_is(bucket: Any, tmp_path: Path) -> None:
    local = script(tmp_path, "intro: 'bucket:themes', bed: 'bucket:rain', sting: 'bucket:zzz'")
    with pytest.raises(InvalidSheet, match=r"2 problems in lamp\.md; nothing was started") as raised:
        bring_shared(bucket, local, tmp_path / "out")
    first, second = raised.value.data["problems"]
    assert (first["place"], first["value"], first["hint"]) == ("episode.intro", "bucket:themes", "did you mean theme?")
    assert (first["allowed"], second["hint"]) == ("theme, rain", "`callsheet music add FILE --as zzz` puts it there")
    assert bucket.fetched == 0


def test_a_piece_that_is_not_what_was_shared_is_no_music(bucket: Any, tmp_path: Path) -> None:
    bucket.download = lambda _url: b"other bytes"
    with pytest.raises(EnvironmentFault, match="bucket:theme") as raised:
        bring_shared(bucket, script(tmp_path, "intro: 'bucket:theme'"), tmp_path / "out")
    assert "--as theme --replace" in raised.value.hint


def test_all_that_is_no_music_and_no_picture_is_named_by_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "in.mp3").write_bytes(b"<html>")
    (tmp_path / "art.png").write_bytes(b"GIF89a")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 48_000)
    soundfile.write(tmp_path / "bed.wav", np.zeros(4_800, np.float32), 48_000)
    local = script(tmp_path, "intro: in.mp3, outro: 'bucket:x', bed: bed.wav, sting: empty.wav, cover: art.png")
    (tmp_path / "shared.ogg").write_bytes(b"torn")
    found = refused(local, x=tmp_path / "shared.ogg")
    places = [(one["place"], one["value"]) for one in found]
    assert places == [
        ("episode.intro", "in.mp3"),
        ("episode.outro", "bucket:x"),
        ("episode.sting", "empty.wav"),
        ("episode.cover", "art.png"),
    ]


def test_a_cover_of_the_bucket_is_fetched_and_looked_at_as_one_beside_the_script_is(
    bucket: Any, tmp_path: Path
) -> None:
    bucket.pieces["art"], bucket.suffix["art"] = COVER.read_bytes(), ".png"
    local = script(tmp_path, "intro: 'bucket:theme', cover: 'bucket:art'")
    shared = bring_shared(bucket, local, tmp_path / "out")
    made = Script(local, "en", (), {}, shared)
    assert made.cover is not None
    assert (made.cover.read_bytes(), made.episode.cover) == (COVER.read_bytes(), "bucket:art")
    assert publication_of(made, {}).cover == "lamp.cover.png"
    shared["art"].write_bytes(b"GIF89a")
    assert [one["place"] for one in refused(local, **shared)] == ["episode.intro", "episode.cover"]


def test_a_picture_is_no_music_and_music_is_no_cover(bucket: Any, tmp_path: Path) -> None:
    bucket.suffix["rain"] = ".png"
    local = script(tmp_path, "intro: 'bucket:rain', cover: 'bucket:theme'")
    with pytest.raises(InvalidSheet) as raised:
        bring_shared(bucket, local, tmp_path / "out")
    intro, cover = raised.value.data["problems"]
    assert (intro["place"], intro["allowed"]) == ("episode.intro", "theme")
    assert intro["message"] == "what the bucket has under this name is no music: a .png"
    assert (cover["place"], cover["allowed"]) == ("episode.cover", "rain")
    assert "--as theme-cover" in cover["hint"]


@pytest.mark.parametrize(("formats", "refused_ones"), [("[mp3, m4b]", ["mp3"]), ("[m4b, wav]", [])])
def test_chapters_that_a_format_does_not_hold_are_told_before_anything_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str, refused_ones: list[str]
) -> None:
    local = script(tmp_path, f"formats: {formats}", "".join(f"\n## Part {n}\n\nWords.\n" for n in range(256)))
    if not refused_ones:
        require_usable(local)
        return
    (problem,) = refused(local)
    assert (problem["place"], problem["value"], problem["allowed"]) == ("episode.formats", "mp3", "255 at most")
    assert problem["message"] == "the script has 257 chapters, more than this format holds"
    require_usable(local, {}, ["m4b"])
    monkeypatch.setattr("pipeline.cli.episode.music.too_few_for", lambda *_: {})
    require_usable(local)


def test_formats_that_would_be_one_file_are_told_by_the_check(tmp_path: Path) -> None:
    (problem,) = refused(script(tmp_path, "formats: [mp3, m4b, mp3_vbr]"))
    assert (problem["place"], problem["value"]) == ("episode.formats", "mp3_vbr")
    assert problem["message"] == "mp3 and mp3_vbr would be one file"


def test_the_mix_reads_shared_music_from_this_disk_and_the_settings_keep_its_name(tmp_path: Path) -> None:
    local = script(tmp_path, "intro: {file: 'bucket:theme', under: 1}")
    made = Script(local, "en", (), {}, {"theme": tmp_path / "theme.ogg"})
    assert made.scored.intro is not None
    assert made.episode.intro is not None
    assert (made.scored.intro.file, made.scored.intro.under) == (str(tmp_path / "theme.ogg"), 1.0)
    assert made.episode.intro.file == "bucket:theme"
