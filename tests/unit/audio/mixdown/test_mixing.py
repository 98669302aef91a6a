"""Mixes of sounds that are known to the sample."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown import mixing, reading
from pipeline.audio.mixdown.mixing import mix
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Part, Score, Sound
from tests.support.recordings import m4a_bytes, mp3_bytes, silence, speech_like, tone, wav_bytes

FORMATS = [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None)]


def stored(path: Path, sound: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Sound:
    soundfile.write(path, sound.T if sound.ndim == 2 else sound, rate, subtype=subtype)
    return Sound(path)


def mixed(score: Score) -> np.ndarray:
    return np.concatenate(list(mix(score)), axis=1)


@pytest.mark.parametrize(("suffix", "subtype"), FORMATS)
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (24_000, 1), (44_100, 2), (48_000, 1), (96_000, 2)])
def test_any_rate_and_number_of_channels_is_heard_at_its_time_and_level(
    tmp_path: Path, suffix: str, subtype: str | None, rate: int, channels: int
) -> None:
    rate = min(rate, 48_000) if suffix == "mp3" else rate  # it knows no higher one
    sound = np.tile(tone(1.0, rate, hertz=1000, dbfs=-12), (channels, 1))
    part = Part(stored(tmp_path / f"a.{suffix}", sound, rate, subtype), start=0.5, seconds=1.0)
    out = mixed(Score([part], 2.0))
    assert out.shape == (2, 2 * RATE)
    assert not out[:, : RATE // 2 - 60].any()
    level = 10 * np.log10((out[:, RATE * 3 // 4 : RATE * 5 // 4] ** 2).mean())
    assert level == pytest.approx(-15.0, abs=0.3)


@pytest.mark.parametrize("make", [mp3_bytes, m4a_bytes])
def test_compressed_takes_of_another_rate_keep_their_time(tmp_path: Path, make: object) -> None:
    click = silence(1.0, 44_100)
    click[22_050:22_100] = 0.5
    path = tmp_path / "take"
    path.write_bytes(make(click, 44_100))  # type: ignore[operator]
    out = mixed(Score([Part(Sound(path), 0.25, 1.0)], 2.0, channels=1))
    assert int(np.abs(out[0]).argmax()) == pytest.approx(0.75 * RATE, abs=0.01 * RATE)


def test_bare_samples_are_read_by_the_format_they_are_said_to_have(tmp_path: Path) -> None:
    path = tmp_path / "take"
    path.write_bytes((tone(1.0, 24_000, dbfs=-12) * 32767).astype("<i2").tobytes())
    out = mixed(Score([Part(Sound(path, "pcm_24000"), 0, 1.0)], 1.0, channels=1))
    assert 10 * np.log10((out**2).mean()) == pytest.approx(-15.0, abs=0.1)


def _with_a_sample(folder: Path, value: float) -> Sound:
    sound = tone(1.0, dbfs=-20).reshape(1, -1).astype(np.float32)
    sound[0, 24_000] = value
    return stored(folder / "broken.wav", sound, subtype="FLOAT")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_music_with_a_sample_that_is_no_number_is_refused_by_name(tmp_path: Path, value: float) -> None:
    with pytest.raises(
        AudioRejected, match=r"broken\.wav cannot be read as sound: it holds samples that are no numbers"
    ):
        list(read_sound(_with_a_sample(tmp_path, value), 1))


@pytest.mark.parametrize("rate", [1, 100, 7_999, 192_001])
def test_a_sample_rate_that_would_fill_the_memory_is_refused_by_name(tmp_path: Path, rate: int) -> None:
    sound = bytearray(wav_bytes(silence(0.1)))
    struct.pack_into("<I", sound, 24, rate)
    path = tmp_path / "slow.wav"
    path.write_bytes(sound)
    with pytest.raises(AudioRejected, match=rf"slow\.wav .* its sample rate is {rate} Hz"):
        list(read_sound(Sound(path), 1))


def test_control_unlooked_at_one_such_sample_is_all_that_is_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_sound", lambda block: block)
    sound = _with_a_sample(tmp_path, np.nan)
    assert np.isnan(mixed(Score([Part(sound, 0.0, 1.0)], 1.0, channels=1))).any()


def test_a_stretch_begins_where_it_is_told_to_the_sample(tmp_path: Path) -> None:
    ramp = np.linspace(0, 0.5, RATE).astype(np.float32)
    sound = stored(tmp_path / "a.wav", ramp, subtype="FLOAT")
    out = mixed(Score([Part(sound, start=0.25, seconds=0.5, first=0.125)], 1.0, channels=1))
    assert np.array_equal(out[0, 12_000:36_000], ramp[6_000:30_000])
    assert not out[0, :12_000].any()
    assert not out[0, 36_000:].any()


def test_what_overlaps_is_added(tmp_path: Path) -> None:
    sound = stored(tmp_path / "a.wav", np.full(RATE, 0.25), subtype="FLOAT")
    out = mixed(Score([Part(sound, 0, 1.0), Part(sound, 0.5, 1.0)], 1.5, channels=1))
    assert out[0, [100, 30_000, 60_000]].tolist() == [0.25, 0.5, 0.25]


def test_stereo_keeps_its_sides_and_is_averaged_for_one_channel(tmp_path: Path) -> None:
    sound = stored(tmp_path / "a.wav", np.stack([np.full(RATE, 0.5), np.zeros(RATE)]), subtype="FLOAT")
    assert mixed(Score([Part(sound, 0, 1.0)], 1.0))[:, 100].tolist() == [0.5, 0.0]
    assert mixed(Score([Part(sound, 0, 1.0)], 1.0, channels=1))[:, 100].tolist() == [0.25]


def jump(out: np.ndarray) -> float:
    return float(np.abs(np.diff(out)).max())


def test_no_join_clicks_where_a_take_is_cut_in_the_middle_of_sound(tmp_path: Path) -> None:
    sound = stored(tmp_path / "a.wav", tone(1.0, hertz=100, dbfs=-6, phase=1.0), subtype="FLOAT")
    parts = [Part(sound, at, 0.3, 0.31, fade_in=0.01, fade_out=0.01) for at in (0.2, 0.5, 0.8)]
    assert jump(mixed(Score(parts, 1.5, channels=1))) < 0.02


def test_control_without_fades_the_same_joins_click(tmp_path: Path) -> None:
    sound = stored(tmp_path / "a.wav", tone(1.0, hertz=100, dbfs=-6, phase=1.0), subtype="FLOAT")
    parts = [Part(sound, at, 0.3, 0.3125) for at in (0.2, 0.5, 0.8)]
    assert jump(mixed(Score(parts, 1.5, channels=1))) > 0.2


def test_two_sounds_that_fade_over_into_each_other_keep_their_power(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    one, two = (stored(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(RATE * 2), subtype="FLOAT") for name in "ab")
    parts = [Part(one, 0, 2.0, fade_out=1.0), Part(two, 1.0, 2.0, fade_in=1.0)]
    out = mixed(Score(parts, 3.0, channels=1))[0]
    powers = 10 * np.log10((out.reshape(-1, RATE // 4) ** 2).mean(axis=1))
    assert np.ptp(powers) < 1.0


def test_music_makes_room_for_speech_smoothly_and_does_not_pump_in_short_pauses(tmp_path: Path) -> None:
    music = stored(tmp_path / "m.wav", np.full(RATE * 20, 0.5), subtype="FLOAT")
    speech = [(4.0, 6.0), (7.5, 9.0)]
    out = mixed(Score([Part(music, 0, 20.0, duck_db=-12.0)], 20.0, channels=1, speech=speech))[0]
    db = 20 * np.log10(out / 0.5)
    assert db[: int(3.5 * RATE)] == pytest.approx(0, abs=0.01)
    assert db[4 * RATE : 9 * RATE] == pytest.approx(-12, abs=0.01)
    assert db[int(10.3 * RATE) :] == pytest.approx(0, abs=0.01)
    assert np.abs(np.diff(db)).max() * RATE < 60


def test_sound_that_is_shorter_than_announced_ends_in_silence(tmp_path: Path) -> None:
    sound = stored(tmp_path / "a.wav", np.full(RATE, 0.5), subtype="FLOAT")
    out = mixed(Score([Part(sound, 0, 3.0)], 3.0, channels=1))
    assert out.shape == (1, 3 * RATE)
    assert not out[0, RATE:].any()


def test_what_is_no_sound_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "theme.mp3"
    path.write_text("ffconcat version 1.0\nfile other.wav\n")
    with pytest.raises(AudioRejected, match=r"theme\.mp3.*playlist"):
        list(read_sound(Sound(path), 2))


def test_memory_does_not_grow_with_the_number_of_lines(tmp_path: Path) -> None:
    take = stored(tmp_path / "a.wav", speech_like(1.0))
    assert peak_bytes(take, 60) < peak_bytes(take, 10) + 2_000_000


def test_control_keeping_every_block_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take, kept = stored(tmp_path / "a.wav", speech_like(1.0)), []
    monkeypatch.setattr(mixing, "faded", lambda block, *_: kept.append(block.copy()) or block)
    assert peak_bytes(take, 60) > peak_bytes(take, 10) + 2_000_000


def peak_bytes(take: Sound, lines: int) -> int:
    next(mix(Score([Part(take, 0, 1.0)], 1.0)))  # what is loaded once does not count
    score = Score([Part(take, 1.1 * number, 1.0) for number in range(lines)], 1.1 * lines)
    tracemalloc.start()
    for _ in mix(score):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
