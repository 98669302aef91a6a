import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import SAMPLE_RATE, Profile, VoiceEngine, load_engine
from pipeline.sandbox.voice.analysis import measure

Talents = dict[str, NDArray[np.float32]]


@pytest.fixture
def tone() -> VoiceEngine:
    return load_engine("tone")


@pytest.fixture
def captain(tone: VoiceEngine) -> Profile:
    profile = tone.system_profile("English_Captain")
    assert profile is not None
    return profile


def test_it_is_marked_as_no_speech(tone: VoiceEngine) -> None:
    assert not tone.speaks
    assert tone.name == "tone"


def test_it_beeps_at_the_voices_pitch(tone: VoiceEngine, captain: Profile) -> None:
    pcm = tone.speak("The bridge is gone, the road is mud.", captain)
    assert measure(pcm, SAMPLE_RATE).f0_hz == pytest.approx(captain.measured.f0_hz, rel=0.02)


def test_a_longer_line_is_longer(tone: VoiceEngine, captain: Profile) -> None:
    short, long = (len(tone.speak(text, captain)) for text in ("Yes.", "Nobody gets left behind on my watch."))
    assert 5 * short < long


def test_it_clones_like_the_others(tone: VoiceEngine, talents: Talents) -> None:
    profile = tone.clone(talents["bram"], SAMPLE_RATE)
    assert np.linalg.norm(profile.embedding) == pytest.approx(1, abs=0.01)


def test_text_without_a_letter_or_digit_has_no_sound(tone: VoiceEngine, captain: Profile) -> None:
    assert len(tone.speak("🎉", captain)) == 0
