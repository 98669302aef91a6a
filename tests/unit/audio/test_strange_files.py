"""Single findings of the fuzzing: files that once ended in a traceback, or in more memory than any recording needs."""

import json
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.audio import AudioRejected, Container, ReferenceRules, prepare_reference, probe_speech
from pipeline.audio.declared import declared_seconds
from pipeline.audio.decode import read_all
from pipeline.audio.encode import choose_encoding, to_pcm, write
from tests.support.hostile.boxes import box, with_box
from tests.support.recordings import m4a_bytes, pcm_bytes, speech_like, wav_bytes, wav_header

RATE = 16_000
SOUND = speech_like(11, RATE)


def codes(tmp_path: Path, data: bytes) -> list[str]:
    source = tmp_path / "reference.wav"
    source.write_bytes(data)
    with pytest.raises(AudioRejected) as caught:
        prepare_reference(source, tmp_path)
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize("size", [0xFFFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 1 << 60])
def test_a_box_that_ends_beyond_any_file_claims_nothing(tmp_path: Path, size: int) -> None:
    late = struct.pack(">I4sQ", 1, b"free", size)
    path = tmp_path / "file"
    path.write_bytes(with_box(m4a_bytes(speech_like(1, 44_100)), (b"moov",), box(b"moov", late, late)))
    assert declared_seconds(path, Container.M4A) is None


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("level", "figure"), [(3e38, "770 dB"), (1e12, "240 dB"), (np.nan, "NaN"), (np.inf, "NaN")])
def test_samples_far_beyond_any_sound_are_named(tmp_path: Path, level: float, figure: str) -> None:
    sound = SOUND.copy()
    sound[5000:5004] = level
    source = tmp_path / "reference.wav"
    source.write_bytes(wav_bytes(sound, RATE, 32, floating=True))
    with pytest.raises(AudioRejected) as caught:
        prepare_reference(source, tmp_path)
    (problem,) = caught.value.problems
    assert problem.code == "damaged"
    assert figure in problem.measured


@pytest.mark.usefixtures("in_process")
def test_whole_numbers_in_floating_point_are_a_loud_recording_and_no_damage(tmp_path: Path) -> None:
    source = tmp_path / "reference.wav"
    source.write_bytes(wav_bytes(SOUND * 2**28, RATE, 32, floating=True))
    result = prepare_reference(source, tmp_path)
    assert result.gain_db < -160
    assert result.after.lufs == pytest.approx(ReferenceRules().target_lufs, abs=0.1)
    json.dumps(result.as_dict(), allow_nan=False)


@pytest.mark.usefixtures("in_process")
def test_a_codec_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    wav = wav_bytes(SOUND, RATE)
    assert codes(tmp_path, wav[:20] + b"\x77\x77" + wav[22:]) == ["unsupported_codec"]


@pytest.mark.parametrize(("rate", "written"), [(47_999, 44_100), (37_800, 32_000), (22_254, 22_050), (20_000, 16_000)])
def test_a_rate_that_aac_does_not_have_goes_down_to_one_it_has(tmp_path: Path, rate: int, written: int) -> None:
    encoding = choose_encoding(299, rate, ReferenceRules().provider_max_bytes)
    assert (encoding.container, encoding.sample_rate) == (Container.M4A, written)
    path = tmp_path / "file.m4a"
    write(path, encoding, [to_pcm(speech_like(1, written)[None, :])])
    assert path.stat().st_size


def test_a_long_recording_at_such_a_rate_is_prepared(tmp_path: Path) -> None:
    source = tmp_path / "reference.wav"
    source.write_bytes(wav_bytes(np.tile(speech_like(4, 20_000), 67), 20_000))
    result = prepare_reference(source, tmp_path)
    assert (result.container, result.sample_rate) == (Container.M4A, 16_000)
    assert result.after.seconds == pytest.approx(268, abs=0.2)


def test_eight_channels_at_the_highest_rate_pass_in_bounded_memory(tmp_path: Path) -> None:
    second = pcm_bytes(np.stack([speech_like(1, 192_000)] * 8))
    source = tmp_path / "reference.wav"
    with source.open("wb") as file:
        file.write(wav_header(len(second) * 11, 192_000, 16, 8))
        for _ in range(11):
            file.write(second)
    result = prepare_reference(source, tmp_path)
    assert result.source.channels == 8
    assert result.peak_rss_bytes < 150_000_000


def test_sound_in_pieces_of_any_size_is_whole(tmp_path: Path) -> None:
    sound = np.stack([speech_like(2, 192_000, seed=n) for n in range(6)])
    path = tmp_path / "file.wav"
    path.write_bytes(wav_bytes(sound, 192_000, 24))
    samples, _ = read_all(path, Container.WAV, max_seconds=1.5)
    assert samples.shape == (6, 288_000)
    assert np.abs(samples - sound[:, :288_000]).max() < 2**-22


def test_a_take_that_asks_for_more_memory_than_there_is_is_no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    take = m4a_bytes(speech_like(1, 44_100))
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(AudioRejected) as caught:
        probe_speech(take, "mp3")
    assert caught.value.problems[0].code == "too_costly"
