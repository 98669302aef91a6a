"""Written files, judged by readers of other makers (libsndfile, and tags taken apart here)."""

import hashlib
import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from pipeline.audio import AudioRejected, AudioToolFailed
from pipeline.audio.mixdown import encoding, mastering
from pipeline.audio.mixdown.coding import CODINGS, Mark, Tags, coding_of, too_few_for
from pipeline.audio.mixdown.mastering import Mastered, Target, master
from pipeline.audio.mixdown.reading import read_sound
from pipeline.audio.mixdown.score import RATE, Part, Score, Sound
from pipeline.audio.mixdown.writing import episode_file
from pipeline.errors import UsageError
from tests.support import recordings
from tests.support.episodes import decoded, heard, id3_chapters, id3_frames, nero_chapters, vorbis_comments

MARKS = [Mark("Opening", 0.0, 2.5), Mark("Über Bäche & <Flüsse>", 2.5, 5.0), Mark("終わり", 5.0, 6.0)]
TAGS = Tags(
    title="Small machines", show="The Show", author="A. Host", number=7, date="2026-11-23", description="About.",
    marks=MARKS, cover=recordings._png(),
)  # fmt: skip
READABLE = [name for name, coding in CODINGS.items() if coding.codec != "aac"]


@pytest.fixture
def score(tmp_path: Path) -> Score:
    return talk(tmp_path)


def talk(folder: Path, *, channels: int = 2, dbfs: float = -30.0) -> Score:
    path = folder / "take.wav"
    soundfile.write(path, recordings.speech_like(5, dbfs=dbfs), RATE)
    return Score([Part(Sound(path), 0.5, 5.0)], 6.0, channels)


def mastered(score: Score, folder: Path, names: Sequence[str], target: Target | None = None) -> Mastered:
    wanted = {name: (folder / f"{name}.{CODINGS[name].suffix}", CODINGS[name]) for name in names}
    lufs = -16.0 if score.channels == 2 else -19.0
    return master(score, wanted, target or Target(lufs), TAGS, lambda *_: None)


@pytest.mark.parametrize("channels", [1, 2])
def test_every_file_is_as_loud_as_asked_and_says_so(tmp_path: Path, channels: int) -> None:
    made = mastered(talk(tmp_path, channels=channels), tmp_path, list(CODINGS))
    for name in READABLE:
        lufs, peak = heard(decoded(made.files[name].path))
        assert lufs == pytest.approx(-16 if channels == 2 else -19, abs=0.3)
        assert peak <= -1.0
        assert made.files[name].heard.lufs == pytest.approx(lufs, abs=0.05)
        assert made.files[name].heard.true_peak_dbtp == pytest.approx(peak, abs=0.3)
    assert made.files["m4b"].heard.lufs == pytest.approx(-16 if channels == 2 else -19, abs=0.3)
    assert not made.notes


def test_control_without_making_up_for_what_lame_takes_its_file_is_softer(
    tmp_path: Path, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = CODINGS["mp3"].__class__("mp3", "mp3", "libmp3lame", (96_000, 128_000))
    monkeypatch.setattr(mastering, "_CLOSE_LU", 1.0)
    made = master(score, {"mp3": (tmp_path / "a.mp3", plain)}, Target(), TAGS, lambda *_: None)
    assert heard(decoded(made.files["mp3"].path))[0] == pytest.approx(-16.45, abs=0.1)


@pytest.mark.parametrize("name", READABLE)
def test_what_is_heard_at_a_time_is_heard_at_that_time_in_every_file(tmp_path: Path, name: str) -> None:
    click = np.zeros(3 * RATE, dtype=np.float32)
    click[:: RATE // 2][1:] = 0.0
    click[2 * RATE : 2 * RATE + 480] = recordings.tone(0.01, dbfs=-6)
    soundfile.write(tmp_path / "click.wav", click, RATE, subtype="FLOAT")
    score = Score([Part(Sound(tmp_path / "click.wav"), 0, 3.0)], 3.0, 1)
    made = mastered(score, tmp_path, [name], Target(-40.0))
    out = decoded(made.files[name].path)[0]
    lag = int(np.correlate(out[RATE : 3 * RATE], click[2 * RATE : 2 * RATE + 480]).argmax()) - RATE
    assert abs(lag) < 0.001 * RATE
    exact = not CODINGS[name].lossy
    assert abs(len(out) - 3 * RATE) <= (0 if exact else 0.05 * RATE)


def test_aac_is_in_time_as_well(tmp_path: Path, score: Score) -> None:
    made = mastered(score, tmp_path, ["m4b", "wav"])
    aac = np.concatenate(list(read_sound(Sound(made.files["m4b"].path), 2)), axis=1)[0]
    exact = decoded(made.files["wav"].path)[0]
    spectrum = np.fft.rfft(aac[: len(exact)]) * np.conj(np.fft.rfft(exact))
    lag = int(np.fft.irfft(spectrum).argmax())
    assert min(lag, len(exact) - lag) < 0.001 * RATE


def test_chapters_are_in_the_files(tmp_path: Path, score: Score) -> None:
    made = mastered(score, tmp_path, ["mp3", "m4b", "flac", "opus"])
    expected = [(mark.title, mark.start, mark.end) for mark in MARKS]
    assert id3_chapters(made.files["mp3"].path.read_bytes()) == expected
    assert nero_chapters(made.files["m4b"].path.read_bytes()) == [one[:2] for one in expected]
    for name in made.files:
        with av.open(str(made.files[name].path)) as container:
            found = container.chapters()
        told = [(one["metadata"]["title"], float(one["start"] * one["time_base"])) for one in found]
        assert told == [one[:2] for one in expected]


@pytest.mark.parametrize("name", ["mp3", "m4b", "opus", "flac"])
def test_a_file_holds_as_many_chapters_as_its_format_is_said_to_hold(tmp_path: Path, name: str) -> None:
    most = CODINGS[name].most_chapters or 2_000
    marks = [Mark(str(number), number / 1_000, (number + 1) / 1_000) for number in range(most)]
    path = tmp_path / f"many.{name}"
    with episode_file(path, CODINGS[name], 1, Tags(marks=marks)) as file:
        file.write(np.zeros((1, 48 * most), np.float32))
    with av.open(str(path)) as container:
        assert [one["metadata"]["title"] for one in container.chapters()] == [mark.title for mark in marks]
    assert too_few_for(most + 1, [name]) == ({} if name == "m4b" else {name: most})


def test_files_say_what_they_are(tmp_path: Path, score: Score) -> None:
    made = mastered(score, tmp_path, ["mp3", "m4b", "flac", "opus", "wav"])
    frames = dict(id3_frames(made.files["mp3"].path.read_bytes()))
    texts = {name: body[1:].rstrip(b"\0").decode() for name, body in frames.items() if name.startswith("T")}
    assert texts | {"TXXX": ""} == {
        "TIT2": "Small machines", "TPE1": "A. Host", "TALB": "The Show", "TPE2": "The Show", "TRCK": "7",
        "TDRC": "2026-11-23", "TCON": "Podcast", "TXXX": "",
    }  # fmt: skip
    assert TAGS.cover is not None
    assert frames["APIC"].endswith(TAGS.cover)
    for name in ("m4b", "flac"):
        assert TAGS.cover in made.files[name].path.read_bytes()
    with av.open(str(made.files["opus"].path)) as container:
        assert bytes(next(container.demux(video=0))) == TAGS.cover
    assert made.files["m4b"].path.read_bytes()[8:12] == b"M4B "
    with soundfile.SoundFile(made.files["wav"].path) as file:
        assert file.title == "Small machines"
    assert vorbis_comments(made.files["opus"].path.read_bytes())["CHAPTER000NAME"] == "Opening"


def test_the_same_mix_gives_the_same_bytes_on_one_core_and_on_many(
    tmp_path: Path, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = mastered(score, tmp_path, ["mp3", "m4b", "opus"])
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    again = mastered(score, tmp_path, ["mp3", "m4b", "opus"])
    assert {name: one.sha256 for name, one in first.files.items()} == {
        name: one.sha256 for name, one in again.files.items()
    }
    assert first.files["mp3"].sha256 == hashlib.sha256(first.files["mp3"].path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["mp3", "mp3_vbr"])
def test_mp3_encoded_in_stretches_is_the_mp3_of_one_encoder(
    tmp_path: Path, score: Score, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = mastered(score, tmp_path, [name]).files[name].sha256
    monkeypatch.setattr(encoding, "_STRETCH_FRAMES", 40)
    assert mastered(score, tmp_path, [name]).files[name].sha256 == whole


def test_control_stretches_whose_encoders_hear_nothing_before_them_differ(
    tmp_path: Path, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mastered(score, tmp_path, ["mp3"]).files["mp3"].sha256
    monkeypatch.setattr(encoding, "_STRETCH_FRAMES", 40)
    monkeypatch.setattr(encoding, "BEFORE_FRAMES", 0)
    assert mastered(score, tmp_path, ["mp3"]).files["mp3"].sha256 != whole


def test_a_codec_that_passes_the_ceiling_is_written_again_a_little_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mastering, "_LOSSY_MARGIN_DB", -0.5)
    made = mastered(talk(tmp_path), tmp_path, ["opus", "wav"], Target(-8.0))
    for one in made.files.values():
        assert heard(decoded(one.path))[1] <= -1.0


def test_control_one_attempt_is_not_enough_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastering, "_LOSSY_MARGIN_DB", -0.5)
    monkeypatch.setattr(mastering, "_ATTEMPTS", 1)
    with pytest.raises(AudioToolFailed, match="stays above -1 dBTP"):
        mastered(talk(tmp_path), tmp_path, ["opus", "wav"], Target(-8.0))
    assert [path.name for path in tmp_path.iterdir()] == ["take.wav"]


def test_a_limiter_at_hard_work_is_reported_with_figures(tmp_path: Path, score: Score) -> None:
    notes = mastered(score, tmp_path, ["wav"], Target(-5.0)).notes
    assert re.search(r"limiter takes more than 3 dB in \d+\.\d% of the time, \d+\.\d dB at most", notes[0])


def test_without_the_limiter_nothing_passes_the_ceiling_and_nothing_is_bent(tmp_path: Path, score: Score) -> None:
    made = mastered(score, tmp_path, ["wav_24"], Target(-5.0, limited=False))
    out = decoded(made.files["wav_24"].path)[0]
    exact = np.zeros(6 * RATE, dtype=np.float32)
    exact[RATE // 2 : RATE // 2 * 11] = soundfile.read(tmp_path / "take.wav", dtype="float32")[0]
    assert np.abs(out - exact * np.float32(10 ** (made.gain_db / 20))).max() < 1e-5
    assert heard(out[None])[1] <= -1.0


def test_half_a_word_is_brought_to_the_target_by_its_mean_power(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "bark.wav", recordings.tone(0.3, dbfs=-30), RATE)
    made = mastered(Score([Part(Sound(tmp_path / "bark.wav"), 0, 0.3)], 0.3, 1), tmp_path, ["wav", "mp3"])
    assert made.files["wav"].heard.lufs is None
    assert made.files["wav"].heard.rms_dbfs == pytest.approx(-19, abs=0.1)


def test_a_cover_that_is_no_picture_is_refused_and_nothing_is_left(tmp_path: Path, score: Score) -> None:
    tags = Tags(cover=b"GIF89a and so on")
    with pytest.raises(AudioRejected, match="cover"):
        master(score, {"mp3": (tmp_path / "a.mp3", CODINGS["mp3"])}, Target(), tags, lambda *_: None)
    assert [path.name for path in tmp_path.iterdir()] == ["take.wav"]


def test_what_stood_there_before_stays_where_writing_fails(
    tmp_path: Path, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mastered(score, tmp_path, ["mp3"]).files["mp3"]
    monkeypatch.setattr(encoding.ParallelMp3, "flush", lambda _self: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        mastered(score, tmp_path, ["mp3"], Target(-10.0))
    assert hashlib.sha256(before.path.read_bytes()).hexdigest() == before.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mp3.mp3", "take.wav"]


def test_progress_goes_from_step_to_step_and_to_the_end_of_each(tmp_path: Path, score: Score) -> None:
    told: list[tuple[str, float, float]] = []
    wanted = {"wav": (tmp_path / "a.wav", CODINGS["wav"])}
    master(score, wanted, Target(), TAGS, lambda *step: told.append(step))
    steps = [step for step, *_ in told]
    assert list(dict.fromkeys(steps)) == ["measure", "write", "check"]
    for step in set(steps):
        done = [one[1] for one in told if one[0] == step]
        assert done[-1] == pytest.approx(6.0)
        assert all(before < after for before, after in pairwise(done))


def test_an_unknown_coding_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="cannot be written as 'wma'") as refused:
        coding_of("wma")
    assert "mp3_vbr" in refused.value.hint


@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="ffmpeg comes with the benchmarks")
@pytest.mark.parametrize("name", ["mp3", "m4b"])
def test_ffmpeg_hears_and_reads_the_same(tmp_path: Path, score: Score, name: str) -> None:
    import imageio_ffmpeg  # noqa: PLC0415 - is not installed for the tests

    path = mastered(score, tmp_path, [name]).files[name].path
    meter = ["-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path), "-map", "0:a", *meter]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert float(re.findall(r"I:\s+(-[\d.]+) LUFS", told)[-1]) == pytest.approx(-16, abs=0.3)
    assert float(re.findall(r"Peak:\s+(-[\d.]+) dBFS", told)[-1]) <= -1.0
    starts = [float(start) for start in re.findall(r"Chapter #0:\d+: start ([\d.]+)", told)]
    assert starts[:3] == [mark.start for mark in MARKS], json.dumps(told)
    assert "(attached pic)" in told
