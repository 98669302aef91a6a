import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio import SNIFF_BYTES, Container, sniff
from pipeline.audio.mpeg import parse_header
from pipeline.audio.sniff import looks_like
from tests.support.recordings import (
    film_bytes,
    fragmented_m4a_bytes,
    m4a_bytes,
    mp3_bytes,
    tone,
    wav_bytes,
    with_cover,
)

TONE = tone(1, 44_100, dbfs=-12)


@pytest.mark.parametrize(
    ("data", "container"),
    [
        pytest.param(mp3_bytes(TONE), Container.MP3, id="mp3 with a tag"),
        pytest.param(mp3_bytes(TONE)[mp3_bytes(TONE).index(b"\xff\xfb") :], Container.MP3, id="bare mp3 frames"),
        pytest.param(with_cover(mp3_bytes(TONE)), Container.MP3, id="mp3 with a cover"),
        pytest.param(wav_bytes(TONE, 44_100), Container.WAV, id="wav"),
        pytest.param(b"RF64\xff\xff\xff\xffWAVEds64", Container.WAV, id="rf64"),
        pytest.param(m4a_bytes(TONE), Container.M4A, id="m4a"),
        pytest.param(fragmented_m4a_bytes(TONE), Container.M4A, id="fragmented m4a"),
        pytest.param(film_bytes(TONE), Container.M4A, id="a film, refused later for its picture"),
    ],
)
def test_the_first_bytes_tell_the_container(data: bytes, container: Container) -> None:
    assert sniff(data[:SNIFF_BYTES]) is container


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"PK\x03\x04" + bytes(60), "a ZIP archive"),
        (b"ffconcat version 1.0\nfile 'other.wav'\n", "a playlist"),
        (b"#EXTM3U\n#EXTINF:10,\nother.wav\n", "a playlist"),
        (b"OggS\0\x02", "an Ogg file"),
        (b"fLaC\0\0\0\x22", "a FLAC file"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc", "a raw AAC stream"),
        (b"<!DOCTYPE html>", "a web page or XML text"),
        (b'{"error": {}}', "JSON text"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "no audio file we know"),
        (b"", "no audio file we know"),
    ],
)
def test_anything_else_is_no_recording_and_is_named_where_we_can(data: bytes, name: str) -> None:
    assert sniff(data) is None
    assert looks_like(data) == name


def test_one_frame_header_without_a_second_one_after_it_is_chance() -> None:
    header = b"\xff\xfb\x90\x64"
    frame = parse_header(header)
    assert frame is not None
    assert frame.length == 417
    assert sniff(header + b"x" * 2000) is None


@given(st.binary(max_size=600))
def test_sniffing_never_raises(data: bytes) -> None:
    assert sniff(data) in {None, *Container}


@given(st.sampled_from([b"ID3\x03\0\0", b"\xff\xfb", b"RIFF", b"\0\0\0\x20ftyp", b"VBRI"]), st.binary(max_size=200))
def test_sniffing_never_raises_behind_a_true_beginning(start: bytes, rest: bytes) -> None:
    assert sniff(start + rest) in {None, *Container}
