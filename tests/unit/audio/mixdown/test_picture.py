"""Covers are looked at before anything is mixed."""

import struct
import zlib
from pathlib import Path

import pytest

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown import picture
from pipeline.audio.mixdown.picture import MOST_PIXELS, read_cover
from tests.support.hostile.seeds import EXAMPLES

COVER = EXAMPLES / "episode" / "cover.png"


def _png(side: int) -> bytes:
    """A white square of one bit a pixel: 7,000 pixels a side are a few kilobytes of file."""
    parts = {b"IHDR": struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)}
    parts[b"IDAT"] = zlib.compress((b"\0" + b"\xff" * -(-side // 8)) * side)
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (*parts.items(), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _saved(folder: Path, content: bytes) -> Path:
    path = folder / "cover.png"
    path.write_bytes(content)
    return path


def test_a_cover_that_is_a_picture_is_taken_as_it_is(tmp_path: Path) -> None:
    assert read_cover(COVER) == COVER.read_bytes()
    assert read_cover(_saved(tmp_path, _png(3_000))) == _png(3_000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a and so on",
        b"\x89PNG",
        COVER.read_bytes()[:60],
        COVER.read_bytes()[:8] + b"\xff" * 4_000,
        b"\xff\xd8\xff" + bytes(100),
    ],
)
def test_a_cover_that_cannot_be_shown_is_refused_with_what_is_allowed(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(AudioRejected, match="no picture that players show") as raised:
        read_cover(_saved(tmp_path, content))
    assert raised.value.problems[0].code == "cover"
    assert raised.value.problems[0].allowed.startswith("JPEG or PNG")


def test_a_cover_of_more_pixels_than_fit_is_refused_undecoded(tmp_path: Path) -> None:
    side = 7_000
    assert side * side > MOST_PIXELS
    with pytest.raises(AudioRejected) as raised:
        read_cover(_saved(tmp_path, _png(side)))
    assert "36,000,000 pixels" in raised.value.problems[0].measured


def test_control_without_the_bound_all_its_pixels_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_BOUND", {})
    assert read_cover(_saved(tmp_path, _png(7_000)))
