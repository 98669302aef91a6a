"""From takes to written files, judged on what was written: when each line is heard, how loud each voice is."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio import AudioRejected
from pipeline.audio.mixdown.mastering import Mastered
from pipeline.audio.mixdown.score import Sound
from pipeline.errors import UsageError
from pipeline.intake.rules.episode import Episode, Music, Pauses
from pipeline.packs.rules.episode import levelling
from pipeline.packs.rules.episode.placing import place
from pipeline.packs.rules.episode.timeline import Piece, Timeline
from pipeline.packs.service.mastering import build, rough, survey, tags_of
from tests.support import recordings
from tests.support.episodes import decoded, heard

RATE = 48_000
PAUSES = Pauses(line=0.4, speaker=0.6, paragraph=0.8, chapter=1.5)
LEAD, TAIL = 0.25, 0.35
"""Silence that the takes carry."""

Take = tuple[str, int, float, int, float]
"""Character, chapter, level in dBFS, rate and seconds of a take."""

TAKES: list[Take] = [
    ("host", 1, -12.0, 44_100, 2.0),
    ("guest", 1, -34.0, 24_000, 1.5),
    ("host", 1, -12.0, 48_000, 0.3),
    ("host", 2, -12.0, 16_000, 2.0),
]


def nothing(_what: str, _done: float, _whole: float) -> None:
    pass


def spoken(folder: Path, takes: list[Take] = TAKES) -> tuple[list[Piece], dict[str, Sound]]:
    """Takes of a steady tone, so that its edges are known; the 16 kHz one is stereo."""
    pieces, sounds = [], {}
    for number, (character, chapter, dbfs, rate, seconds) in enumerate(takes):
        voice = recordings.tone(seconds, rate, hertz=400, dbfs=dbfs)
        take = np.concatenate([recordings.silence(LEAD, rate), voice, recordings.silence(TAIL, rate)])
        path = folder / f"{number}.wav"
        soundfile.write(path, np.stack([take, take]).T if rate == 16_000 else take, rate)
        pieces.append(Piece(str(number), character, character.title(), "Words.", chapter, f"Part {chapter}", chapter))
        sounds[str(number)] = Sound(path)
    return pieces, sounds


def made(
    folder: Path,
    episode: Episode,
    names: Mapping[str, str] | None = None,
    *,
    takes: list[Take] = TAKES,
    limited: bool = True,
) -> tuple[Timeline, Mastered]:
    pieces, stored = spoken(folder, takes)
    sounds = survey(stored, episode, folder, nothing)
    timeline = place(pieces, sounds.extents, episode, sounds.music_seconds)
    paths = {name: folder / "out" / file for name, file in (names or {"wav": "episode.wav"}).items()}
    tags = tags_of(episode, "Title", timeline, folder)
    return timeline, build(timeline, sounds, episode, paths, tags, nothing, limited=limited)


def stretches(sound: np.ndarray) -> list[tuple[float, float]]:
    """When there is sound, in seconds, as one would mark it on a screen."""
    loud = np.abs(sound).max(axis=0) > 0.003
    windows = np.flatnonzero(loud)
    cuts = np.flatnonzero(np.diff(windows) > 0.1 * RATE)
    starts, ends = windows[[0, *(cuts + 1)]], windows[[*cuts, -1]] + 1
    return [(start / RATE, end / RATE) for start, end in zip(starts, ends, strict=True)]


def test_every_line_is_heard_when_the_timeline_says_and_pauses_are_as_declared(tmp_path: Path) -> None:
    timeline, mastered = made(tmp_path, Episode(pauses=PAUSES))
    found = stretches(decoded(mastered.files["wav"].path))
    planned = [(one.start, one.end) for one in timeline.placed]
    assert len(found) == len(planned) == 4
    for (start, end), (planned_start, planned_end) in zip(found, planned, strict=True):
        assert start == pytest.approx(planned_start, abs=0.011)
        assert end == pytest.approx(planned_end, abs=0.011)
    gaps = [after[0] - before[1] for before, after in pairwise(found)]
    assert gaps == pytest.approx([0.6, 0.6, 1.5], abs=0.021)


def test_the_file_is_as_long_as_planned_to_the_millisecond(tmp_path: Path) -> None:
    timeline, mastered = made(tmp_path, Episode(pauses=PAUSES))
    with soundfile.SoundFile(mastered.files["wav"].path) as file:
        assert file.frames / RATE == pytest.approx(timeline.seconds, abs=0.001)


def test_hosts_recorded_at_different_levels_are_equally_loud_and_the_whole_is_on_target(tmp_path: Path) -> None:
    timeline, mastered = made(tmp_path, Episode(pauses=PAUSES))
    assert levels_apart(timeline, mastered) < 0.3
    lufs, peak = heard(decoded(mastered.files["wav"].path))
    assert lufs == pytest.approx(-16, abs=0.3)
    assert peak <= -1


def test_control_without_a_gain_for_each_voice_they_are_as_far_apart_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(levelling, "_bounded", lambda _gain: 0.0)
    timeline, mastered = made(tmp_path, Episode(pauses=PAUSES))
    assert levels_apart(timeline, mastered) > 20


def levels_apart(timeline: Timeline, mastered: Mastered) -> float:
    sound = decoded(mastered.files["wav"].path)
    powers = [
        10 * np.log10((sound[:, int(one.start * RATE) + 999 : int(one.end * RATE) - 999] ** 2).mean())
        for one in timeline.placed
    ]
    return float(np.ptp(powers))


def with_music(folder: Path, **settings: float) -> Episode:
    at = np.arange(6 * 44_100) / 44_100
    pad = 0.3 * np.stack([np.sin(2 * np.pi * 1500 * at), np.sin(2 * np.pi * 1900 * at)])
    soundfile.write(folder / "pad.flac", pad.T, 44_100)
    soundfile.write(folder / "sting.ogg", pad.T[:44_100], 44_100)
    bed = Music("pad.flac", level_db=-15.0, **settings)
    return Episode(
        pauses=PAUSES, intro=Music("pad.flac"), outro=Music("pad.flac", under=1.0), bed=bed, sting=Music("sting.ogg")
    )


def test_music_is_heard_where_it_was_laid_and_lower_under_speech(tmp_path: Path) -> None:
    timeline, mastered = made(tmp_path, with_music(tmp_path, duck_db=-9.0))
    sound = decoded(mastered.files["wav"].path)
    assert {one.role for one in timeline.music} == {"intro", "bed", "sting", "outro"}
    alone = band_db(sound, timeline.placed[0].start - 3.0)
    under = band_db(sound, timeline.placed[0].start + 1.0)
    assert alone - under == pytest.approx(12 + 9, abs=3)
    assert sound.shape[1] / RATE == pytest.approx(timeline.seconds, abs=0.001)


def test_control_a_bed_that_makes_no_room_is_as_loud_under_speech_as_it_was_told(tmp_path: Path) -> None:
    timeline, mastered = made(tmp_path, with_music(tmp_path, duck_db=0.0))
    sound = decoded(mastered.files["wav"].path)
    alone = band_db(sound, timeline.placed[0].start - 3.0)
    assert alone - band_db(sound, timeline.placed[0].start + 1.0) == pytest.approx(12, abs=3)


def band_db(sound: np.ndarray, at: float) -> float:
    """The power of the music's own tones in a quarter of a second."""
    window = sound[0, int(at * RATE) : int(at * RATE) + RATE // 4]
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)))) ** 2
    return 10 * float(np.log10(spectrum[1400 // 4 : 1600 // 4].sum()))


def test_a_preview_is_one_small_file_without_music_at_about_the_same_loudness(tmp_path: Path) -> None:
    episode = rough(with_music(tmp_path))
    timeline, mastered = made(tmp_path, episode, {"mp3": "preview.mp3"}, limited=False)
    assert timeline.music == []
    assert mastered.files["mp3"].path.suffix == ".mp3"
    assert decoded(mastered.files["mp3"].path).shape[0] == 1
    assert mastered.files["mp3"].heard.lufs == pytest.approx(-19, abs=1)
    assert mastered.limited_db == 0


def test_an_episode_without_a_take_is_refused(tmp_path: Path) -> None:
    sounds = survey({}, Episode(), tmp_path, nothing)
    timeline = place([], {}, Episode(), {})
    with pytest.raises(UsageError, match="No line of the episode has a take"):
        build(
            timeline,
            sounds,
            Episode(),
            {"wav": tmp_path / "a.wav"},
            tags_of(Episode(), "", timeline, tmp_path),
            nothing,
        )


def test_more_chapters_than_a_file_counts_and_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    takes = [("host", number, -12.0, 8_000, 0.1) for number in range(1, 257)]
    with pytest.raises(UsageError, match="256 chapters, and mp3 holds 255") as refused:
        made(tmp_path, Episode(), {"m4b": "a.m4b", "mp3": "a.mp3"}, takes=takes)
    assert "m4b holds any" in refused.value.hint
    with pytest.raises(UsageError, match="Two of mp3, mp3_vbr would be one file"):
        made(tmp_path, Episode(), {"mp3": "a.mp3", "mp3_vbr": "a.mp3"})
    assert not (tmp_path / "out").exists()


def test_a_take_that_is_no_sound_is_refused_by_name_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "take.wav").write_bytes(b"{}")
    with pytest.raises(AudioRejected, match=r"take\.wav"):
        survey({"0": Sound(tmp_path / "take.wav")}, Episode(), tmp_path, nothing)
    assert [path.name for path in tmp_path.iterdir()] == ["take.wav"]


@pytest.mark.parametrize("dbfs", [-12.0, -50.0])
def test_the_edges_of_speech_are_found_whatever_its_level_soft_ends_included(tmp_path: Path, dbfs: float) -> None:
    voice = recordings.tone(1.0, hertz=300, dbfs=dbfs)
    soft = recordings.noise(0.1, dbfs=dbfs - 22)
    sound = np.concatenate([recordings.silence(0.5), soft, voice, soft, recordings.silence(0.7)])
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    extent = survey({"a": Sound(tmp_path / "a.wav")}, Episode(), tmp_path, nothing).extents["a"]
    assert (extent.first, extent.last, extent.length) == pytest.approx((0.5, 1.7, 2.4), abs=0.011)
    silent = np.zeros(RATE)
    soundfile.write(tmp_path / "b.wav", silent, RATE)
    assert survey({"b": Sound(tmp_path / "b.wav")}, Episode(), tmp_path, nothing).extents["b"].seconds == 0
