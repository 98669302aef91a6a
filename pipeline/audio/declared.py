"""What a file's own header claims its length to be. Claims are compared with the decoded sound, never believed."""

import struct
from collections.abc import Iterator
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO

from pipeline.audio.mpeg import id3v2_length, parse_header
from pipeline.audio.sniff import SNIFF_BYTES, Container

_CHUNK_LIMIT = 256
"""No real file has more chunks or boxes before its sound; a crafted one may not keep us walking."""

_TAG_LIMIT = 8

_UNKNOWN_SIZE = 0x7FFF_F000
"""Programs that write into a pipe leave sizes from here on, or 0, for `not known yet`."""

_LINEAR_WAV_TAGS = frozenset({1, 3, 6, 7, 0xFFFE})
"""PCM, float, A-law, mu-law, extensible: the codecs whose length follows from the size of the data."""

_XING_FRAMES_FLAG = 1


def declared_seconds(path: Path, container: Container) -> float | None:
    """Return the length the header claims, in seconds, or None where it claims none."""
    read = {Container.WAV: _wav, Container.M4A: _m4a, Container.MP3: _mp3}[container]
    with path.open("rb") as file:
        try:
            return read(file)
        except struct.error:
            return None


def _riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    file.seek(12)
    for _ in range(_CHUNK_LIMIT):
        header = file.read(8)
        if len(header) < 8:  # noqa: PLR2004 - an id and a size
            return
        name, size = struct.unpack("<4sI", header)
        body = file.tell()
        yield name, size
        file.seek(body + size + size % 2)


def _wav(file: BinaryIO) -> float | None:
    bytes_per_second, long_size = 0, None
    for name, size in _riff_chunks(file):
        if name == b"ds64":
            long_size = struct.unpack("<8xQ", file.read(16))[0]
        elif name == b"fmt ":
            tag, rate, block = struct.unpack("<HxxI4xH", file.read(14))
            bytes_per_second = rate * block if tag in _LINEAR_WAV_TAGS else 0
        elif name == b"data":
            length = long_size if long_size is not None and size >= _UNKNOWN_SIZE else size
            known = length and (long_size is not None or length < _UNKNOWN_SIZE)
            return length / bytes_per_second if known and bytes_per_second else None
    return None


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield each box's type and end; the file stands at its body."""
    for _ in range(_CHUNK_LIMIT):
        start = file.tell()
        header = file.read(8)
        if len(header) < 8 or start >= end:  # noqa: PLR2004 - a size and a type
            return
        size, name = struct.unpack(">I4s", header)
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0]
        box_end = start + size if size else end
        if not start < box_end <= end:  # no file reaches where a lie of 64 bits would take us
            return
        yield name, box_end
        file.seek(box_end)


def _m4a(file: BinaryIO) -> float | None:
    """Read the movie header: it counts what is played, so that edit lists do not look like lies."""
    file_end = file.seek(0, 2)
    file.seek(0)
    for name, end in _boxes(file, file_end):
        if name != b"moov":
            continue
        for inner, _ in _boxes(file, end):
            if inner == b"mvhd":
                return _movie_seconds(file)
    return None


def _movie_seconds(file: BinaryIO) -> float | None:
    version = file.read(4)[:1]
    layout = ">16xIQ" if version == b"\x01" else ">8xII"
    timescale, duration = struct.unpack(layout, file.read(struct.calcsize(layout)))
    return duration / timescale if timescale and duration else None


def _mp3(file: BinaryIO) -> float | None:
    audio = file.read(SNIFF_BYTES)
    for _ in range(_TAG_LIMIT):
        tag = id3v2_length(audio)
        if not tag:
            break
        file.seek(tag - len(audio), SEEK_CUR)
        audio = file.read(SNIFF_BYTES)
    audio = audio.lstrip(b"\0")
    header = parse_header(audio)
    if header is None:
        return None
    frames = _frame_count(audio, 4 + header.side_info_bytes)
    return frames * header.samples / header.sample_rate if frames else None


def _frame_count(audio: bytes, xing_at: int) -> int:
    """Return the frame count of a Xing, Info or VBRI header: 0 where there is none."""
    if audio[xing_at : xing_at + 4] in {b"Xing", b"Info"}:
        flags, frames = struct.unpack_from(">II", audio, xing_at + 4)
        return int(frames) if flags & _XING_FRAMES_FLAG else 0
    if audio[36:40] == b"VBRI":
        return int(struct.unpack_from(">I", audio, 50)[0])
    return 0
