"""Files put together from true parts in wrong ways, found and made smaller by Hypothesis; the same ones every time."""

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audio import Container, sniff
from pipeline.audio.declared import declared_seconds
from tests.support.hostile.boxes import box
from tests.support.hostile.cage import Cage
from tests.support.hostile.run import READER, Bench, bench
from tests.support.hostile.submissions import PROJECT, SECOND, SHEET, as_job
from tests.support.recordings import m4a_bytes, mp3_bytes, speech_like, wav_bytes

SOUND = speech_like(1, 16_000)
WAV, M4A, MP3 = wav_bytes(SOUND, 16_000), m4a_bytes(SOUND, 16_000, 48_000), mp3_bytes(SOUND, 16_000, 32_000)
BOX_NAMES = (
    b"moov mvhd trak tkhd mdia mdhd hdlr minf smhd dinf dref stbl stsd mp4a esds stts stsc stsz stco free udta".split()
)

seeded = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
sizes = st.one_of(st.none(), st.sampled_from([0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF]), st.integers(0, (1 << 32) - 1))


def _chunk(name: bytes, body: bytes, claimed: int | None) -> bytes:
    size = len(body) if claimed is None else claimed
    return name + struct.pack("<I", size & 0xFFFFFFFF) + body + bytes(len(body) % 2)


formats = st.builds(
    lambda *fields: struct.pack("<HHIIHH", *fields),
    st.sampled_from([1, 2, 3, 6, 7, 0x11, 0x55, 0xFFFE, 0x7777]),
    st.sampled_from([0, 1, 2, 6, 8, 9, 255]),
    st.sampled_from([0, 1, 7999, 8000, 16_000, 44_100, 192_000, 192_001, 0xFFFFFFFF]),
    st.sampled_from([0, 32_000, 0xFFFFFFFF]),
    st.sampled_from([0, 1, 2, 3, 4, 16, 1024, 0xFFFF]),
    st.sampled_from([0, 4, 8, 16, 24, 32, 64, 65]),
)
chunks = st.one_of(
    st.builds(_chunk, st.just(b"fmt "), formats, sizes),
    st.builds(_chunk, st.just(b"data"), st.sampled_from([b"", b"\0", WAV[44:], WAV[44:] * 3]), sizes),
    st.builds(
        _chunk, st.sampled_from([b"LIST", b"fact", b"ds64", b"junk", b"\0\0\0\0"]), st.binary(max_size=60), sizes
    ),
)
waves = st.builds(
    lambda kind, parts, size: kind + struct.pack("<I", size or 0) + b"WAVE" + b"".join(parts),
    st.sampled_from([b"RIFF", b"RF64"]),
    st.lists(chunks, max_size=8),
    sizes,
)


def _lying_box(name: bytes, body: bytes, claimed: int | None) -> bytes:
    whole = box(name, body)
    return whole if claimed is None else struct.pack(">I", claimed & 0xFFFFFFFF) + whole[4:]


leaves = st.one_of(
    st.binary(max_size=80), st.just(M4A[M4A.index(b"moov") - 4 :]), st.just(M4A[M4A.index(b"mvhd") - 4 :][:108])
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(_lying_box, st.sampled_from(BOX_NAMES), st.lists(inner, max_size=4).map(b"".join), sizes),
    max_leaves=12,
)
mpeg4s = st.builds(
    lambda inner, media: box(b"ftyp", b"M4A ", bytes(4)) + media + box(b"moov", inner),
    trees,
    st.sampled_from([b"", box(b"mdat", bytes(2000)), M4A[M4A.index(b"mdat") - 4 : M4A.index(b"moov") - 4]]),
)
streams = st.lists(
    st.one_of(
        st.just(MP3[-400:]),
        st.builds(lambda word: struct.pack(">I", 0xFFE00000 | word), st.integers(0, (1 << 21) - 1)),
        st.builds(
            lambda size, body: b"ID3\4\0\0" + size + body, st.binary(min_size=4, max_size=4), st.binary(max_size=40)
        ),
        st.binary(max_size=200),
    ),
    max_size=12,
).map(b"".join)


@pytest.fixture(scope="module")
def taken() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as found:
        yield found


@seeded
@given(st.one_of(waves, mpeg4s, streams))
def test_parts_put_together_wrongly_are_refused_or_are_a_recording(taken: Bench, data: bytes) -> None:
    verdict = taken.judge(data)
    assert verdict.outcome in {"refused", "accepted"}, verdict.detail
    assert verdict.peak_bytes < 150_000_000


@seeded
@given(st.one_of(waves, mpeg4s, streams), st.sampled_from(Container))
def test_what_a_header_claims_is_a_length_or_nothing(data: bytes, kind: Container) -> None:
    assert sniff(data[:4096]) in {None, *Container}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        seconds = declared_seconds(path, kind)
    assert seconds is None or seconds >= 0


@pytest.fixture(scope="module")
def reader() -> Iterator[Cage]:
    with tempfile.TemporaryDirectory() as folder, Cage(READER, Path(folder)) as cage:
        yield cage


texts = st.text(st.characters(codec="utf-8"), max_size=12)
cells = st.one_of(
    texts, st.sampled_from(["MARA", "mara", "a1", "A1", "../x", "=1", "'-", '"', '""', "\n", "0,9", "con"])
)
sheets = st.builds(
    lambda header, rows, comma, quote: "".join(
        comma.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in [header, *rows]
    ).encode(),
    st.permutations(["id", "character", "text", "speed", "scene"]),
    st.lists(st.lists(cells, max_size=7), max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["", '"']),
)
keys = st.sampled_from(
    ["production", "title", "talents", "characters", "lines", "voice", "talent", "design", "budget", "consent"]
)
values = st.recursive(
    st.one_of(
        texts.map(lambda text: f'"{text}"'),
        st.sampled_from(["a", "*a", "&a x", "null", "1.5", "lines.csv", "[]", "{}"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(keys, inner), max_size=4).map(lambda p: "{" + ", ".join(f"{k}: {v}" for k, v in p) + "}"),
        inner.map(lambda text: f"&a {text}"),
    ),
    max_leaves=12,
)
projects = st.lists(st.tuples(keys, values), max_size=6).map(lambda p: "".join(f"{k}: {v}\n" for k, v in p).encode())
CAST = b"production: a\ncharacters: {MARA: {voice: {system: x}}}\nlines: [lines.csv, more.csv]\n"


@seeded
@given(sheets, sheets, st.one_of(st.just(CAST), projects))
def test_any_cells_under_any_project_are_lines_or_problems(
    reader: Cage, first: bytes, second: bytes, project: bytes
) -> None:
    verdict = reader.ask(as_job({PROJECT: project, SHEET: first, SECOND: second}))
    assert verdict.outcome in {"refused", "accepted"}, verdict.detail
