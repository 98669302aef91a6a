import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audio import Container
from pipeline.audio.declared import declared_seconds
from tests.support.recordings import (
    fragmented_m4a_bytes,
    m4a_bytes,
    mp3_bytes,
    mvhd_claims,
    tone,
    wav_bytes,
    wav_claims,
    with_cover,
    xing_claims,
)

TONE = tone(3, 44_100, dbfs=-12)
MP3, M4A, WAV = mp3_bytes(TONE), m4a_bytes(TONE), wav_bytes(TONE, 44_100)


def declared(tmp_path: Path, data: bytes, container: Container) -> float | None:
    path = tmp_path / "file"
    path.write_bytes(data)
    return declared_seconds(path, container)


@pytest.mark.parametrize(
    ("data", "container", "seconds"),
    [
        pytest.param(MP3, Container.MP3, 3.0, id="mp3"),
        pytest.param(with_cover(MP3), Container.MP3, 3.0, id="mp3 behind two tags"),
        pytest.param(xing_claims(MP3, 20), Container.MP3, 60.0, id="mp3 that lies"),
        pytest.param(M4A, Container.M4A, 3.0, id="m4a"),
        pytest.param(m4a_bytes(TONE, moov_first=True), Container.M4A, 3.0, id="m4a, index first"),
        pytest.param(mvhd_claims(M4A, 20), Container.M4A, 60.0, id="m4a that lies"),
        pytest.param(WAV, Container.WAV, 3.0, id="wav"),
        pytest.param(wav_bytes(TONE, 44_100, bits=24), Container.WAV, 3.0, id="24-bit wav"),
        pytest.param(wav_claims(WAV, 88_200 * 600), Container.WAV, 600.0, id="wav that lies"),
    ],
)
def test_the_claim_of_a_header_is_read(tmp_path: Path, data: bytes, container: Container, seconds: float) -> None:
    assert declared(tmp_path, data, container) == pytest.approx(seconds, rel=0.03)


@pytest.mark.parametrize(
    ("data", "container"),
    [
        pytest.param(fragmented_m4a_bytes(TONE), Container.M4A, id="fragmented m4a"),
        pytest.param(wav_claims(WAV, 0), Container.WAV, id="wav never finished"),
        pytest.param(wav_claims(WAV, 0xFFFF_FFFF), Container.WAV, id="wav from a pipe"),
        pytest.param(MP3[1000:], Container.MP3, id="mp3 without its header"),
        pytest.param(b"", Container.WAV, id="nothing"),
        pytest.param(WAV[:30], Container.WAV, id="cut in its header"),
    ],
)
def test_no_claim_is_no_lie(tmp_path: Path, data: bytes, container: Container) -> None:
    assert declared(tmp_path, data, container) is None


def test_the_long_size_of_rf64_is_read(tmp_path: Path) -> None:
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, 0, 88_200 * 5, 0, 0)
    rf64 = b"RF64\xff\xff\xff\xffWAVE" + ds64 + wav_claims(WAV, 0xFFFF_FFFF)[12:]
    assert declared(tmp_path, rf64, Container.WAV) == 5.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from([(MP3, Container.MP3), (M4A, Container.M4A), (WAV, Container.WAV)]),
    st.integers(0, 120),
    st.binary(min_size=1, max_size=12),
)
def test_a_damaged_header_never_raises(tmp_path: Path, whole: tuple[bytes, Container], at: int, damage: bytes) -> None:
    data, container = whole
    data = data[:at] + damage + data[at + len(damage) :]
    seconds = declared(tmp_path, data, container)
    assert seconds is None or seconds > 0
