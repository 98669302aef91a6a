"""Captions from takes to file, held to the sound that they are shown with."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import webvtt
from numpy.typing import NDArray

from pipeline.audio import encode_speech
from pipeline.packs.rules.episode.timeline import Piece, Placed, Timeline
from pipeline.packs.rules.episode.words import WordTimes
from pipeline.packs.service.writing import write_words
from pipeline.quality import Examiner
from pipeline.quality.word_times import word_times
from pipeline.sandbox.voice import SAMPLE_RATE, load_engine
from tests.support.timelines import publication

pytest.importorskip("pocketsphinx", reason="no wheel for this Python")
captions = pytest.importorskip("benchmarks.captions")

SAID = (
    (
        "Ada",
        "English_Narrator",
        "When the harbour froze, nothing moved; the gulls sat on 5 km of ice.",
    ),
    ("Bo", "Deep_Voice_Man", "Ha! You should have seen your faces."),
    (
        "Ada",
        "English_Narrator",
        "It was the first laugh since the storm.",
    ),
)
PAUSE_SECONDS = 0.55
SPEECH = 0.02


@cache
def takes() -> tuple[NDArray[np.float32], ...]:
    engine = load_engine("pico")
    known = [engine.system_profile(voice) or engine.system_profile("English_Narrator") for _, voice, _ in SAID]
    return tuple(engine.speak(text, voice, 1.0) for (_, _, text), voice in zip(SAID, known, strict=True) if voice)


@cache
def mixed() -> tuple[Timeline, NDArray[np.float32]]:
    """The takes' speech one after the other, as an episode has it."""
    parts, placed, at = [np.zeros(SAMPLE_RATE, np.float32)], [], 1.0
    for number, (take, (speaker, _, text)) in enumerate(zip(takes(), SAID, strict=True)):
        loud = np.flatnonzero(np.abs(take) > SPEECH * np.abs(take).max())
        speech = take[loud[0] : loud[-1] + 1]
        seconds = len(speech) / SAMPLE_RATE
        piece = Piece(f"l{number}", speaker.upper(), speaker, text)
        placed.append(Placed(piece, at, at + seconds, first=loud[0] / SAMPLE_RATE))
        parts += [speech, np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)]
        at += seconds + len(parts[-1]) / SAMPLE_RATE
    return Timeline(placed, [], at), np.concatenate(parts)


@cache
def times() -> WordTimes:
    with Examiner() as gate:
        return {
            f"l{number}": word_times(gate, encode_speech(take[None, :], SAMPLE_RATE, "mp3"), "mp3", text)
            for number, (take, (_, _, text)) in enumerate(zip(takes(), SAID, strict=True))
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    timeline, pcm = mixed()
    (tmp_path / "ice.wav").write_bytes(encode_speech(pcm[None, :], SAMPLE_RATE, "wav"))
    written = write_words(timeline, times(), publication(), [tmp_path / "ice.wav"], tmp_path)
    assert written.estimated == ()
    return tmp_path


def test_each_cue_holds_the_words_that_are_heard_and_begins_with_them(folder: Path) -> None:
    report = captions.reported(list(captions.listen(folder / "ice.wav", folder / "ice.vtt")))
    assert report.good, captions.told(report)
    assert report.cues == 3
    assert report.fitting == 1.0
    assert report.worst_ms <= 150, captions.told(report)


def test_captions_that_come_late_are_told(folder: Path) -> None:
    late = webvtt.read(str(folder / "ice.vtt"))
    late.shift(0.4)
    late.save(str(folder / "late.vtt"))
    report = captions.reported(list(captions.listen(folder / "ice.wav", folder / "late.vtt")))
    assert not report.good
    assert report.worst_ms > 250


def test_captions_of_another_text_are_told(folder: Path) -> None:
    cue = captions.read(folder / "ice.vtt")[1]
    other = replace(cue, text="Every bell in the town rang twice.")
    sound = captions.decoded(folder / "ice.wav")
    fits = [captions.heard(captions.Aligner(), sound, [one], one).fits for one in (cue, other)]
    assert fits == [True, False]
