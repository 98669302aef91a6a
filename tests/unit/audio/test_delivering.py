"""Files are judged by decoding them with a reader of their own: libsndfile for what PyAV has written."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio import AudioRejected, AudioToolFailed, Delivery, FileCoding, LevelRule, delivering
from pipeline.audio.delivering import deliver, measure_take
from pipeline.audio.loudness import LoudnessMeter, channel_weights
from pipeline.audio.peaks import TruePeakMeter
from tests.support import recordings
from tests.support.recordings import Sound

RATE = 24_000


@cache
def take(seconds: float = 1.0, *, dbfs: float = -35.0) -> bytes:
    return recordings.wav_bytes(recordings.speech_like(seconds, RATE, dbfs=dbfs), RATE)


def heard(path: Path) -> tuple[float | None, float, float]:
    """Loudness in LUFS, true peak in dBTP and length in seconds of a file."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    meter = LoudnessMeter(rate, channel_weights(("FC",) if samples.shape[1] == 1 else ("FL", "FR")))
    peaks = TruePeakMeter(rate, samples.shape[1])
    meter.feed(samples.T)
    peaks.feed(samples.T)
    return meter.integrated(), 20 * float(np.log10(peaks.amplitude())), len(samples) / rate


@pytest.mark.parametrize(
    ("coding", "target"),
    [*((coding, -23.0) for coding in FileCoding), (FileCoding.WAV, -29.0), (FileCoding.MP3, -20.0)],
)
def test_the_written_file_is_as_loud_as_asked_and_says_so(tmp_path: Path, coding: FileCoding, target: float) -> None:
    file = tmp_path / f"a.{coding}"
    delivered = deliver(take(), "wav", file, Delivery(coding, target_lufs=target))
    lufs, true_peak, seconds = heard(file)
    assert lufs == pytest.approx(target, abs=0.5)
    assert true_peak <= -1.0
    assert seconds == pytest.approx(1.0, abs=0.06)
    assert delivered.after.lufs == pytest.approx(lufs, abs=0.05)
    assert delivered.after.true_peak_dbtp == pytest.approx(true_peak, abs=0.05)
    assert delivered.before.lufs == pytest.approx(target - delivered.gain_db, abs=0.5)
    assert delivered.rule is LevelRule.LOUDNESS


@pytest.mark.parametrize(("bits", "width"), [(16, 2), (24, 3)])
def test_wav_has_the_rate_channels_and_bits_that_were_asked(tmp_path: Path, bits: int, width: int) -> None:
    deliver(take(), "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV, rate=44_100, channels=2, bits=bits))
    facts = soundfile.info(tmp_path / "a.wav")
    assert (facts.samplerate, facts.channels, facts.subtype) == (44_100, 2, f"PCM_{bits}")
    assert heard(tmp_path / "a.wav")[0] == pytest.approx(-23.0, abs=0.1)
    if bits == 16:
        with wave.open(str(tmp_path / "a.wav")) as plain:
            assert plain.getsampwidth() == width


def test_24_bits_hold_more_than_16(tmp_path: Path) -> None:
    faint = take(dbfs=-80)
    for bits in (16, 24):
        deliver(faint, "wav", tmp_path / f"{bits}.wav", Delivery(FileCoding.WAV, bits=bits, target_lufs=-60.0))
    coarse, fine = (soundfile.read(tmp_path / f"{bits}.wav", dtype="int32")[0] for bits in (16, 24))
    assert not (coarse & 0xFFFF).any()
    assert (fine & 0xFFFF).any()


def test_ogg_is_vorbis(tmp_path: Path) -> None:
    deliver(take(), "wav", tmp_path / "a.ogg", Delivery(FileCoding.OGG))
    facts = soundfile.info(tmp_path / "a.ogg")
    assert (facts.subtype, facts.channels, facts.samplerate) == ("VORBIS", 1, 48_000)


def test_one_gain_holds_for_the_whole_take(tmp_path: Path) -> None:
    soft, loud = recordings.speech_like(1, 48_000, dbfs=-50), recordings.speech_like(1, 48_000, dbfs=-30)
    source = np.concatenate([soft, loud])
    deliver(recordings.wav_bytes(source, 48_000, 24), "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV, bits=24))
    written = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    gains = written[np.abs(source) > 0.001] / source[np.abs(source) > 0.001]
    assert gains.std() / gains.mean() < 0.001


def peaky(rate: int = 48_000) -> Sound:
    """Speech with a knock: its loudest point is far above its loudness."""
    sound = recordings.speech_like(2, rate, dbfs=-45)
    sound[rate : rate + 24] = 0.7 * np.sin(np.linspace(0, 2 * np.pi, 24))
    return sound


def test_the_true_peak_ceiling_comes_before_the_target(tmp_path: Path) -> None:
    source = recordings.wav_bytes(peaky(), 48_000)
    delivered = deliver(source, "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV))
    lufs, true_peak, _ = heard(tmp_path / "a.wav")
    assert delivered.rule is LevelRule.CEILING
    assert true_peak == pytest.approx(-1.0, abs=0.1)
    assert true_peak <= -1.0
    assert lufs is not None
    assert lufs < -25.0


LOUD = Delivery(FileCoding.OGG, target_lufs=-8.0)


def rough() -> bytes:
    """Noise that is cut flat: what a codec leaves out of it rises above the flat tops."""
    return recordings.wav_bytes(np.clip(recordings.noise(1.0, 48_000, dbfs=-12), -0.4, 0.4), 48_000)


def test_what_a_lossy_codec_adds_is_found_on_the_written_file(tmp_path: Path) -> None:
    delivered = deliver(rough(), "wav", tmp_path / "a.ogg", LOUD)
    assert delivered.rule is LevelRule.CEILING
    assert delivered.after.true_peak_dbtp <= -1.0
    assert heard(tmp_path / "a.ogg")[1] <= -0.95


def test_measured_once_a_lossy_file_passes_the_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "_ATTEMPTS", 1)
    with pytest.raises(AudioToolFailed, match="stays above -1 dBTP"):
        deliver(rough(), "wav", tmp_path / "a.ogg", LOUD)
    assert not list(tmp_path.iterdir())


def test_a_clip_too_short_for_loudness_is_levelled_by_its_mean_power(tmp_path: Path) -> None:
    delivered = deliver(take(0.3), "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV))
    samples = soundfile.read(tmp_path / "a.wav", dtype="float64")[0]
    assert delivered.rule is LevelRule.RMS
    assert delivered.after.lufs is None
    assert 10 * np.log10(np.mean(samples**2)) == pytest.approx(-23.0, abs=0.1)
    assert heard(tmp_path / "a.wav")[1] <= -1.0


def test_silence_stays_silence(tmp_path: Path) -> None:
    quiet = recordings.wav_bytes(recordings.silence(1, RATE), RATE)
    assert deliver(quiet, "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV)).rule is LevelRule.SILENCE
    assert not soundfile.read(tmp_path / "a.wav")[0].any()


def test_the_noise_of_a_take_that_is_hardly_there_is_not_raised_to_speech(tmp_path: Path) -> None:
    delivered = deliver(take(dbfs=-75), "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV))
    assert (delivered.rule, delivered.gain_db) == (LevelRule.MOST_GAIN, 30.0)


def test_levels_are_kept_where_nobody_asks_for_others(tmp_path: Path) -> None:
    delivered = deliver(take(), "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV, target_lufs=None))
    assert (delivered.rule, delivered.gain_db) == (LevelRule.OFF, 0.0)
    assert delivered.after.lufs == pytest.approx(delivered.before.lufs, abs=0.1)


def test_flac_takes_are_read_too(tmp_path: Path) -> None:
    deliver(take(), "wav", tmp_path / "a.flac", Delivery(FileCoding.FLAC, target_lufs=None))
    flac = (tmp_path / "a.flac").read_bytes()
    assert measure_take(flac, "flac").lufs == pytest.approx(measure_take(take(), "wav").lufs, abs=0.1)
    assert deliver(flac, "flac", tmp_path / "b.wav", Delivery(FileCoding.WAV)).after.lufs == pytest.approx(-23, abs=0.1)


def test_what_is_no_audio_is_refused_and_the_file_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"the old one")
    with pytest.raises(AudioRejected):
        deliver(b'{"error": "busy"}', "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.wav", b"the old one")]


def test_equal_takes_become_equal_files(tmp_path: Path) -> None:
    for coding in (FileCoding.WAV, FileCoding.MP3, FileCoding.FLAC):
        hashes = {deliver(take(), "wav", tmp_path / f"{n}.x", Delivery(coding)).sha256 for n in range(2)}
        assert len(hashes) == 1


def test_what_another_rate_takes_away_is_given_back(tmp_path: Path) -> None:
    """Half the power of a tone just below half the old rate lies where the new rate's filter falls."""
    high = recordings.wav_bytes(recordings.tone(1.0, 48_000, hertz=11_700, dbfs=-30), 48_000)
    delivered = deliver(high, "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV, rate=24_000))
    assert delivered.after.lufs == pytest.approx(-23.0, abs=0.6)


def test_without_writing_again_it_would_stay_too_soft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "_CLOSE_LU", 99.0)
    high = recordings.wav_bytes(recordings.tone(1.0, 48_000, hertz=11_700, dbfs=-30), 48_000)
    delivered = deliver(high, "wav", tmp_path / "a.wav", Delivery(FileCoding.WAV, rate=24_000))
    assert delivered.after.lufs is not None
    assert delivered.after.lufs < -23.6


@pytest.mark.parametrize("coding", FileCoding)
def test_silence_behind_a_take_is_as_long_as_asked_and_changes_no_level(tmp_path: Path, coding: FileCoding) -> None:
    plain = deliver(take(), "wav", tmp_path / f"plain.{coding}", Delivery(coding))
    tailed = deliver(take(), "wav", tmp_path / f"tailed.{coding}", Delivery(coding, tail_seconds=2.5))
    assert tailed.after.seconds - plain.after.seconds == pytest.approx(2.5, abs=0.03)
    assert heard(tmp_path / f"tailed.{coding}")[2] == pytest.approx(tailed.after.seconds, abs=0.01)
    assert tailed.after.lufs == pytest.approx(plain.after.lufs or 0.0, abs=0.1)
    samples, rate = soundfile.read(tmp_path / f"tailed.{coding}", dtype="float32")
    assert np.abs(samples[-2 * rate :]).max() < 1e-3 < np.abs(samples[:rate]).max()


def test_a_bark_is_as_loud_with_silence_behind_it_as_without(tmp_path: Path) -> None:
    plain = deliver(take(0.3), "wav", tmp_path / "plain.wav", Delivery(FileCoding.WAV))
    tailed = deliver(take(0.3), "wav", tmp_path / "tailed.wav", Delivery(FileCoding.WAV, tail_seconds=5.0))
    assert (plain.rule, tailed.rule) == (LevelRule.RMS, LevelRule.RMS)
    assert tailed.gain_db == pytest.approx(plain.gain_db, abs=0.05)
