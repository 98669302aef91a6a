"""Reads what an episode's files hold, with readers that share no code with what wrote them."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.audio.loudness import LoudnessMeter, channel_weights
from pipeline.audio.peaks import TruePeakMeter


def decoded(path: Path) -> npt.NDArray[np.float32]:
    """The sound as (channels, samples), by libsndfile, which knows no AAC."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 48_000
    return np.ascontiguousarray(samples.T)


def heard(sound: npt.NDArray[np.float32]) -> tuple[float | None, float]:
    """Loudness in LUFS and true peak in dBTP."""
    meter = LoudnessMeter(48_000, channel_weights(("FC",) if len(sound) == 1 else ("FL", "FR")))
    peaks = TruePeakMeter(48_000, len(sound))
    meter.feed(sound)
    peaks.feed(sound)
    return meter.integrated(), 20 * float(np.log10(peaks.amplitude()))


def id3_frames(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The frames of an ID3v2.4 tag, those inside chapters not."""
    assert data[:4] == b"ID3\x04"
    yield from _frames(data[10 : 10 + _syncsafe(data[6:10])])


def id3_chapters(data: bytes) -> list[tuple[str, float, float]]:
    """Title, start and end in seconds of each chapter, in the order of the table of contents."""
    frames = list(id3_frames(data))
    chapters = dict(_chapter(body) for name, body in frames if name == "CHAP")
    (contents,) = (body for name, body in frames if name == "CTOC")
    _, _, rest = contents.partition(b"\0")
    assert rest[0] & 3 == 3, "the table is not the topmost one, or not in order"
    return [chapters[name] for name in rest[2:].split(b"\0")[: rest[1]]]


def nero_chapters(data: bytes) -> list[tuple[str, float]]:
    """Title and start in seconds of each chapter in an MPEG-4 file's `chpl` atom."""
    at = data.index(b"chpl") + 4 + 8
    count, at, found = data[at], at + 1, []
    for _ in range(count):
        start, length = struct.unpack_from(">QB", data, at)
        found.append((data[at + 9 : at + 9 + length].decode(), start / 1e7))
        at += 9 + length
    return found


def vorbis_comments(data: bytes) -> dict[str, str]:
    """The comments of a FLAC or Opus file that hold chapters or titles."""
    found = re.findall(rb"((?i:TITLE|CHAPTER\d{3}(?:NAME)?))=([\x20-\xff]*?)(?=.\x00\x00\x00|\Z)", data[:20_000])
    return {key.decode().upper(): value.decode() for key, value in found}


def _frames(body: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + 10 <= len(body) and body[at]:
        size = _syncsafe(body[at + 4 : at + 8])
        yield body[at : at + 4].decode(), body[at + 10 : at + 10 + size]
        at += 10 + size


def _chapter(body: bytes) -> tuple[bytes, tuple[str, float, float]]:
    name, _, rest = body.partition(b"\0")
    start, end = struct.unpack_from(">II", rest)
    titles = [text for frame, text in _frames(rest[16:]) if frame == "TIT2"]
    return name, (titles[0][1:].rstrip(b"\0").decode(), start / 1000, end / 1000)


def _syncsafe(data: bytes) -> int:
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]
