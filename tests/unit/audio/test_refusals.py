"""What is refused before anything is charged, and that hostile files stay harmless."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.audio import (
    AudioRejected,
    AudioToolFailed,
    ChildLimits,
    Container,
    Part,
    ReferenceRules,
    bounded,
    prepare_reference,
)
from pipeline.audio.decode import open_audio
from tests.support.recordings import (
    film_bytes,
    m4a_bomb,
    m4a_bytes,
    mp3_bomb,
    mp3_bytes,
    mvhd_claims,
    noise,
    opus_in_mp4_bytes,
    silence,
    speech_like,
    truncated,
    wav_bytes,
    wav_claims,
    wav_header,
    write_studio_master,
    xing_claims,
)

SPEECH = speech_like(20)
SPEECH_44 = speech_like(20, 44_100)
RATE_8 = 8_000


def refusal(
    tmp_path: Path, data: bytes, name: str = "reference.mp3", rules: ReferenceRules | None = None
) -> AudioRejected:
    source, workdir = tmp_path / name, tmp_path / "work"
    source.write_bytes(data)
    workdir.mkdir()
    with pytest.raises(AudioRejected) as caught:
        prepare_reference(source, workdir, rules)
    assert list(workdir.iterdir()) == []
    for problem in caught.value.problems:
        assert problem.message
        assert problem.measured
        assert problem.allowed
        assert problem.hint
        assert str(tmp_path) not in problem.message
    return caught.value


def _clipped() -> bytes:
    return wav_bytes(np.clip(SPEECH * 12, -1, 1))


def _mostly_silence(speech: float, pause: float) -> bytes:
    return wav_bytes(np.concatenate([speech_like(speech / 2), silence(pause), speech_like(speech / 2)]))


def _damaged_mp3() -> bytes:
    data = bytearray(mp3_bytes(SPEECH_44))
    rng = np.random.default_rng(5)
    for at in range(5000, len(data) - 3000, 4000):
        data[at : at + 1200] = rng.bytes(1200)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "code", "figure"),
    [
        pytest.param(lambda: b"", "empty", "0 bytes", id="an empty file"),
        pytest.param(lambda: wav_bytes(speech_like(8)), "too_short", "8.0 s", id="8 s"),
        pytest.param(lambda: mp3_bytes(speech_like(8, 44_100)), "too_short", "8.0 s", id="8 s of mp3"),
        pytest.param(lambda: wav_bytes(speech_like(360, RATE_8), RATE_8), "too_long", "more than 300 s", id="6 min"),
        pytest.param(lambda: _mostly_silence(16, 24), "too_much_silence", "60%", id="60 % silence"),
        pytest.param(lambda: wav_bytes(silence(20)), "silent", "silence", id="nothing but silence"),
        pytest.param(lambda: wav_bytes(noise(20, dbfs=-65), bits=24), "too_quiet", "LUFS", id="nothing but hiss"),
        pytest.param(_clipped, "clipped", "%", id="clipped"),
        pytest.param(lambda: wav_bytes(np.stack([SPEECH, -SPEECH])), "channels_cancel", "dB", id="reversed polarity"),
        pytest.param(
            lambda: wav_bytes(np.concatenate([silence(3), speech_like(9), silence(3)])),
            "too_short_trimmed",
            "9.3 s",
            id="9 s of speech in 15 s",
        ),
        pytest.param(lambda: truncated(mp3_bytes(SPEECH_44), 0.7), "length_mismatch", "14.0 s", id="cut mp3"),
        pytest.param(lambda: truncated(wav_bytes(SPEECH), 0.7), "length_mismatch", "14.0 s", id="cut wav"),
        pytest.param(
            lambda: truncated(m4a_bytes(SPEECH_44, moov_first=True), 0.7), "length_mismatch", "20.0 s", id="cut m4a"
        ),
        pytest.param(
            lambda: truncated(m4a_bytes(SPEECH_44), 0.7), "undecodable", "cut off", id="cut m4a, its index lost"
        ),
        pytest.param(lambda: xing_claims(mp3_bytes(SPEECH_44), 20), "length_mismatch", "400.7 s", id="xing x 20"),
        pytest.param(lambda: mvhd_claims(m4a_bytes(SPEECH_44), 20), "length_mismatch", "400.0 s", id="mvhd x 20"),
        pytest.param(
            lambda: wav_claims(wav_bytes(SPEECH), 600 * 96_000), "length_mismatch", "600.0 s", id="wav claiming 600 s"
        ),
        pytest.param(_damaged_mp3, "damaged", "%", id="mp3 with holes"),
        pytest.param(lambda: opus_in_mp4_bytes(SPEECH), "unsupported_codec", "opus", id="opus in mp4"),
        pytest.param(lambda: film_bytes(SPEECH_44), "video", "picture", id="a film"),
        pytest.param(lambda: wav_header(4000, 48_000, 16, 0) + bytes(4000), "undecodable", "", id="no channels"),
        pytest.param(lambda: wav_header(0, 48_000, 16, 1), "undecodable", "", id="a header alone"),
        pytest.param(lambda: wav_bytes(speech_like(12, 4000), 4000), "unsupported_format", "4000 Hz", id="4 kHz"),
        pytest.param(
            lambda: wav_bytes(np.tile(SPEECH[:48_000], (9, 1))), "unsupported_format", "9 channels", id="9 channels"
        ),
        pytest.param(lambda: b"PK\x03\x04" + bytes(5000), "unknown_format", "ZIP", id="zip"),
        pytest.param(lambda: os.urandom(65_536).replace(b"\xff", b"\0"), "unknown_format", "", id="random bytes"),
        pytest.param(
            lambda: wav_bytes(np.full(480_000 * 2, np.nan, np.float32), bits=32, floating=True),
            "damaged",
            "NaN",
            id="samples that are no numbers",
        ),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_what_cannot_be_used_is_refused_with_its_figure(
    tmp_path: Path, make: Callable[[], bytes], code: str, figure: str
) -> None:
    error = refusal(tmp_path, make())
    assert code in [problem.code for problem in error.problems]
    assert figure in next(problem.measured for problem in error.problems if problem.code == code)


@pytest.mark.usefixtures("in_process")
def test_fifty_nine_percent_of_silence_pass(tmp_path: Path) -> None:
    source = tmp_path / "reference.wav"
    source.write_bytes(_mostly_silence(16.4, 23.6))
    result = prepare_reference(source, tmp_path)
    assert result.before.silence_share == pytest.approx(0.59, abs=0.003)


def test_a_file_above_the_upload_limit_is_not_even_opened(tmp_path: Path) -> None:
    rules = replace(ReferenceRules(), max_bytes=1000)
    error = refusal(tmp_path, bytes(1001), rules=rules)
    assert (error.problems[0].code, error.problems[0].measured) == ("too_large", "1001 bytes")


@pytest.mark.usefixtures("in_process")
def test_a_rejection_reads_as_one_error_with_all_its_problems(tmp_path: Path) -> None:
    error = refusal(tmp_path, wav_bytes(np.clip(speech_like(6) * 12, -1, 1)))
    shown = error.as_dict()
    assert shown["code"] == "audio_rejected"
    assert [problem["code"] for problem in shown["problems"]] == ["too_short", "clipped"]
    assert "6.0 s of sound" in error.message
    assert shown["hint"] == error.problems[0].hint


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\nother.wav\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>other.wav</BaseURL></Period></MPD>',
    ],
    ids=["concat", "hls", "dash"],
)
def test_a_playlist_never_opens_the_file_it_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.wav").write_bytes(wav_bytes(SPEECH))
    error = refusal(tmp_path, text.encode())
    assert error.problems[0].code == "unknown_format"
    # The decoder refuses it too, should the magic bytes ever be fooled.
    for kind in Container:
        with pytest.raises(AudioRejected), open_audio(tmp_path / "reference.mp3", kind) as audio:
            list(audio.blocks(30))


def test_a_playlist_behind_an_mp3_tag_opens_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "other.wav").write_bytes(wav_bytes(SPEECH))
    tag = b"ID3\x03\0\0\0\0\0\0"
    error = refusal(tmp_path, tag + b"#EXTM3U\nother.wav\n" * 300)
    assert error.problems[0].code in {"unknown_format", "undecodable"}


@pytest.mark.parametrize("make", [lambda: m4a_bomb(3), lambda: mp3_bomb(3)], ids=["m4a", "mp3"])
def test_hours_in_a_small_file_cost_minutes_of_decoding_at_most(tmp_path: Path, make: Callable[[], bytes]) -> None:
    data = make()
    start = time.perf_counter()
    error = refusal(tmp_path, data)
    assert time.perf_counter() - start < 20
    assert error.problems[0].code == "too_long"
    assert error.problems[0].measured == "more than 300 s"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "master.wav"
    write_studio_master(path)
    return path


def test_a_child_at_its_wall_limit_is_killed_and_leaves_nothing(tmp_path: Path, master: Path) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(AudioToolFailed) as caught:
        prepare_reference(master, workdir, limits=ChildLimits(wall_seconds=0.4))
    assert "0.4 s" in caught.value.message
    assert list(workdir.iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) == before


def test_a_file_that_needs_too_much_computing_is_refused(tmp_path: Path, master: Path) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    with pytest.raises(AudioRejected) as caught:
        prepare_reference(master, workdir, limits=ChildLimits(cpu_seconds=1))
    assert caught.value.problems[0].code == "too_costly"
    assert list(workdir.iterdir()) == []


def test_a_child_that_cannot_write_its_scratch_file_is_our_failure(tmp_path: Path, master: Path) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    with pytest.raises(AudioToolFailed):
        prepare_reference(master, workdir, limits=ChildLimits(file_bytes=1 << 20))
    assert list(workdir.iterdir()) == []


def test_the_child_inherits_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMA_API_KEY", "canary")
    assert "canary" not in bounded.child_environment(tmp_path).values()


def test_a_part_of_a_recording_that_is_too_long_can_be_used(tmp_path: Path) -> None:
    source, rules = tmp_path / "long.wav", ReferenceRules(max_seconds=20)
    source.write_bytes(wav_bytes(speech_like(30, 8_000), 8_000))
    with pytest.raises(AudioRejected) as refused:
        prepare_reference(source, tmp_path, rules)
    assert "`trim:" in refused.value.problems[0].hint
    prepared = prepare_reference(source, tmp_path, rules, part=Part(4.0, 16.0))
    assert prepared.source.seconds == pytest.approx(12, abs=0.01)
    longest = prepare_reference(source, tmp_path, rules, part=Part(0.0, 20.0))
    assert longest.source.seconds == pytest.approx(20, abs=0.01)


def test_a_part_that_begins_after_the_end_is_refused_with_what_to_correct(tmp_path: Path) -> None:
    source = tmp_path / "short.wav"
    source.write_bytes(wav_bytes(speech_like(12, 8_000), 8_000))
    with pytest.raises(AudioRejected) as refused:
        prepare_reference(source, tmp_path, part=Part(20.0, 40.0))
    [problem] = refused.value.problems
    assert (problem.code, problem.measured) == ("part_beyond_end", "less than 20 s")
