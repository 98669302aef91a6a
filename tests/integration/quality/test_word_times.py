"""Word times against words whose place is known: each spoken alone, laid out with known silences."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio import encode_speech
from pipeline.quality import Examiner
from pipeline.quality.word_times import Respelled, WordTime, word_times
from pipeline.sandbox.voice import SAMPLE_RATE, VoiceEngine, load_engine

pytest.importorskip("pocketsphinx", reason="no wheel for this Python")
TEXT = "Keep the lantern low, wait for 12 more minutes. Nobody knew 5 km of rope would matter."
SAID = "keep the lantern low wait for twelve more minutes nobody knew five kilometers of rope would matter"
GAP_SECONDS = 0.12


@cache
def engine() -> VoiceEngine:
    return load_engine("pico")


@cache
def spoken(text: str) -> NDArray[np.float32]:
    """A text's sound without the silence around it."""
    profile = engine().system_profile("English_Narrator")
    assert profile is not None
    pcm = engine().speak(text, profile, 1.0)
    loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
    return pcm[loud[0] : loud[-1] + 1]


@cache
def laid_out() -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """The words with silence between them, and where each begins."""
    gap = np.zeros(round(GAP_SECONDS * SAMPLE_RATE), np.float32)
    parts, starts, at = [gap], [], len(gap)
    for word in SAID.split():
        starts.append(at / SAMPLE_RATE)
        parts += [spoken(word), gap]
        at += len(parts[-2]) + len(gap)
    return np.concatenate(parts), tuple(starts)


def encoded(pcm: NDArray[np.float32], *, lead_seconds: float = 0.0) -> bytes:
    """A take, with the breath at its end without which it would sound cut off."""
    lead, tail = (np.zeros(round(seconds * SAMPLE_RATE), np.float32) for seconds in (lead_seconds, 0.2))
    return encode_speech(np.concatenate([lead, pcm, tail])[None, :], SAMPLE_RATE, "wav")


@pytest.fixture(scope="module")
def gate() -> Iterator[Examiner]:
    with Examiner() as examiner:
        yield examiner


def test_words_are_found_where_they_were_put(gate: Examiner) -> None:
    pcm, starts = laid_out()
    timed = word_times(gate, encoded(pcm), "wav", TEXT)
    assert timed is not None
    assert [word.text for word in timed] == TEXT.split()
    errors = np.abs(np.subtract([word.start for word in timed], starts))
    assert np.median(errors) < 0.03
    assert errors.max() < 0.1


def test_words_spread_by_their_letters_would_be_far_from_where_they_were_put() -> None:
    pcm, starts = laid_out()
    letters = [len(word) for word in TEXT.split()]
    spread = np.cumsum([0, *letters[:-1]]) / sum(letters) * len(pcm) / SAMPLE_RATE
    assert np.abs(spread - starts).max() > 0.1


def test_silence_before_a_take_moves_its_words_by_as_much(gate: Examiner) -> None:
    takes = (encoded(spoken(TEXT), lead_seconds=seconds) for seconds in (0.1, 0.8))
    plain, later = (word_times(gate, take, "wav", TEXT) for take in takes)
    assert plain is not None
    assert later is not None
    shifts = [other.start - one.start for one, other in zip(plain, later, strict=True)]
    assert all(abs(shift - 0.7) < 0.05 for shift in shifts)


def test_a_take_of_another_text_has_no_word_times(gate: Examiner) -> None:
    assert word_times(gate, encoded(spoken(TEXT)), "wav", "The harbour master sleeps until the morning bell.") is None


@pytest.mark.parametrize("tag", ["en", "en-GB", "EN_us"])
def test_every_english_has_word_times(gate: Examiner, tag: str) -> None:
    assert word_times(gate, encoded(spoken("Hold the line!")), "wav", "Hold the line!", language=tag)


def test_a_respelled_name_is_timed_as_it_is_written(gate: Examiner) -> None:
    text = "The road to Mirrowby ends at the harbour."
    timed = word_times(
        gate,
        encoded(spoken("The road to meadow bee ends at the harbour.")),
        "wav",
        text,
        [Respelled(12, 20, "meadow bee")],
    )
    assert timed is not None
    assert [word.text for word in timed] == text.split()
    assert isinstance(timed[3], WordTime)
    assert timed[3].end - timed[3].start > timed[0].end - timed[0].start
