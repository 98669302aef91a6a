"""Recordings that can be used: what comes out is decoded and measured again here, by other means than our own word."""

import json
import wave
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio import Container, PreparedReference, ReferenceRules, prepare_reference
from pipeline.audio.decode import read_all
from pipeline.audio.meter import Meter
from tests.support.recordings import (
    Sound,
    alac_bytes,
    fragmented_m4a_bytes,
    m4a_bytes,
    mp3_bytes,
    silence,
    speech_like,
    tone,
    wav_bytes,
    with_cover,
    write_studio_master,
)

RULES = ReferenceRules()
SPEECH = speech_like(12)
SPEECH_44 = speech_like(12, 44_100)


def prepared(tmp_path: Path, data: bytes, name: str = "reference.bin") -> PreparedReference:
    source, workdir = tmp_path / name, tmp_path / "work"
    source.write_bytes(data)
    workdir.mkdir()
    result = prepare_reference(source, workdir)
    assert [path.name for path in workdir.iterdir()] == [result.path.name]
    return result


def measured_again(result: PreparedReference) -> tuple[Sound, Meter]:
    samples, facts = read_all(result.path, result.container, max_seconds=400)
    assert facts.channels == ("FC",)
    meter = Meter(facts.sample_rate)
    meter.feed(samples)
    return samples[0], meter


@pytest.mark.parametrize(
    ("make", "container", "codec", "bits"),
    [
        pytest.param(lambda: wav_bytes(SPEECH, bits=8), "wav", "pcm_u8", 8, id="8-bit wav"),
        pytest.param(lambda: wav_bytes(SPEECH), "wav", "pcm_s16le", 16, id="16-bit wav"),
        pytest.param(lambda: wav_bytes(SPEECH, bits=24), "wav", "pcm_s24le", 24, id="24-bit wav"),
        pytest.param(lambda: wav_bytes(SPEECH * 3, bits=32, floating=True), "wav", "pcm_f32le", 32, id="float wav"),
        pytest.param(lambda: mp3_bytes(SPEECH_44), "mp3", "mp3", None, id="mp3"),
        pytest.param(lambda: with_cover(mp3_bytes(SPEECH_44)), "mp3", "mp3", None, id="mp3 with a cover"),
        pytest.param(lambda: m4a_bytes(SPEECH_44), "m4a", "aac", None, id="m4a"),
        pytest.param(lambda: alac_bytes(SPEECH), "m4a", "alac", None, id="lossless m4a"),
        pytest.param(lambda: m4a_bytes(SPEECH_44, moov_first=True), "m4a", "aac", None, id="m4a, index first"),
        pytest.param(lambda: fragmented_m4a_bytes(SPEECH_44), "m4a", "aac", None, id="fragmented m4a"),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_every_kind_we_read_becomes_mono_at_the_target_level(
    tmp_path: Path, make: Callable[[], bytes], container: str, codec: str, bits: int | None
) -> None:
    result = prepared(tmp_path, make())
    assert (result.source.container, result.source.codec, result.source.bits) == (container, codec, bits)
    assert result.source.seconds == pytest.approx(12, abs=0.1)
    assert result.after.lufs == pytest.approx(RULES.target_lufs, abs=0.1)
    _, meter = measured_again(result)
    assert meter.levels().lufs == pytest.approx(RULES.target_lufs, abs=0.1)
    assert result.before.lufs == pytest.approx(RULES.target_lufs - result.gain_db, abs=0.1)


@pytest.mark.usefixtures("in_process")
def test_silence_around_speech_is_cut_and_a_breath_of_it_kept(tmp_path: Path) -> None:
    sound = np.concatenate([silence(3), speech_like(11), silence(2)])
    result = prepared(tmp_path, wav_bytes(sound))
    assert result.trimmed_start_seconds == pytest.approx(2.85, abs=0.03)
    assert result.trimmed_end_seconds == pytest.approx(1.85, abs=0.03)
    assert result.after.seconds == pytest.approx(11.3, abs=0.06)
    assert result.before.silence_share == pytest.approx(5 / 16, abs=0.01)
    assert result.after.silence_share < 0.05


@pytest.mark.usefixtures("in_process")
def test_the_true_peak_ceiling_limits_the_gain(tmp_path: Path) -> None:
    sound = speech_like(12, dbfs=-40)
    for at in range(24_000, len(sound), 96_000):
        sound[at : at + 480] += tone(0.01, hertz=11_000, dbfs=-8)
    result = prepared(tmp_path, wav_bytes(sound))
    assert result.after.true_peak_dbtp <= RULES.true_peak_ceiling_dbtp
    assert result.after.true_peak_dbtp == pytest.approx(RULES.true_peak_ceiling_dbtp, abs=0.6)
    assert result.after.lufs is not None
    assert result.after.lufs < RULES.target_lufs - 1


@pytest.mark.usefixtures("in_process")
def test_the_file_starts_and_ends_without_a_click(tmp_path: Path) -> None:
    samples, _ = measured_again(prepared(tmp_path, wav_bytes(tone(12, hertz=200, dbfs=-20, phase=1.5))))
    assert abs(samples[0]) < 0.01
    assert abs(samples[-1]) < 0.02


@pytest.mark.usefixtures("in_process")
def test_one_silent_channel_is_no_obstacle(tmp_path: Path) -> None:
    result = prepared(tmp_path, wav_bytes(np.stack([SPEECH, silence(12)])))
    assert result.source.cancelled_db == pytest.approx(6.02, abs=0.1)
    assert result.after.lufs == pytest.approx(RULES.target_lufs, abs=0.1)


@pytest.mark.usefixtures("in_process")
def test_a_high_sample_rate_is_brought_to_48_khz(tmp_path: Path) -> None:
    result = prepared(tmp_path, wav_bytes(speech_like(11, 96_000), 96_000, bits=24))
    assert (result.source.sample_rate, result.sample_rate) == (96_000, 48_000)
    assert result.after.lufs == pytest.approx(RULES.target_lufs, abs=0.1)


@pytest.mark.usefixtures("in_process")
def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    data = mp3_bytes(SPEECH_44)
    assert prepared(tmp_path / "a", data).sha256 == prepared(tmp_path / "b", data).sha256


def test_the_name_does_not_matter_and_the_report_is_json(tmp_path: Path) -> None:
    result = prepared(tmp_path, wav_bytes(SPEECH), name="-i reference;.mp3")
    assert result.container is Container.WAV
    assert result.mime == "audio/wav"
    report = json.loads(json.dumps(result.as_dict()))
    assert report["source"]["declared_seconds"] == 12
    assert "path" not in report


def test_a_studio_master_of_86_mb_passes_in_bounded_memory(tmp_path: Path) -> None:
    source = tmp_path / "master.wav"
    write_studio_master(source)
    assert source.stat().st_size == pytest.approx(86_112_044)
    result = prepare_reference(source, tmp_path)
    assert result.size_bytes == result.path.stat().st_size <= RULES.provider_max_bytes
    assert (result.container, result.sample_rate) == (Container.M4A, 48_000)
    assert result.after.seconds == pytest.approx(299, abs=0.1)
    assert result.after.lufs == pytest.approx(RULES.target_lufs, abs=0.1)
    assert result.after.true_peak_dbtp <= RULES.true_peak_ceiling_dbtp
    assert result.peak_rss_bytes < 150_000_000


@pytest.mark.usefixtures("in_process")
def test_a_master_of_exactly_five_minutes_stays_within_the_limit_it_is_sent_under(tmp_path: Path) -> None:
    rate = 8_000
    sound = np.tile(speech_like(4, rate), 75)
    result = prepared(tmp_path, wav_bytes(sound, rate))
    assert result.source.seconds == 300
    assert 299.5 < result.after.seconds < 300


@pytest.mark.usefixtures("in_process")
def test_the_written_wav_is_one_any_reader_knows(tmp_path: Path) -> None:
    result = prepared(tmp_path, m4a_bytes(SPEECH_44))
    with wave.open(BytesIO(result.path.read_bytes())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44_100)
        assert file.getnframes() / 44_100 == pytest.approx(result.after.seconds)
