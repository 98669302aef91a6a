import io

import av
import numpy as np
import pytest

from pipeline.sandbox.host import Utterance, render
from pipeline.sandbox.media import FORMATS, OutputFormat, decode
from pipeline.sandbox.voice import Profile, load_engine

MP3 = [form for form in FORMATS.values() if form.bit_rate is not None]
TONE = load_engine("tone")
VOICES = [voice.voice_id for voice in TONE.system_voices()]


def profile_of(voice_id: str) -> Profile:
    profile = TONE.system_profile(voice_id)
    assert profile is not None
    return profile


def beeped(text: str, form: OutputFormat = MP3[0], voice_id: str = VOICES[0]) -> bytes:
    return render(TONE, profile_of(voice_id), Utterance(text, voice_id, 1.0, form))[0]


@pytest.mark.parametrize("form", MP3, ids=lambda form: form.name)
@pytest.mark.parametrize("text", ["Yes.", "Welcome to the show, and stay a while.", "word " * 200])
def test_a_tone_lasts_as_long_as_the_words_would_and_decodes_without_an_error(form: OutputFormat, text: str) -> None:
    audio = beeped(text, form)
    expected = len(TONE.speak(text, profile_of(VOICES[0]))) / 24_000
    assert decode(audio).seconds == pytest.approx(expected, abs=0.06)
    with av.open(io.BytesIO(audio)) as container:
        assert container.streams.audio[0].rate == form.rate
        assert sum(frame.samples for frame in container.decode(audio=0)) > 0


def test_a_tone_has_the_pitch_of_its_voice() -> None:
    for voice_id in (VOICES[0], VOICES[-1]):
        recording = decode(beeped("word " * 40, voice_id=voice_id))
        spectrum = np.abs(np.fft.rfft(recording.pcm * np.hanning(len(recording.pcm))))
        loudest = float(np.argmax(spectrum) * recording.rate / len(recording.pcm))
        assert loudest == pytest.approx(profile_of(voice_id).measured.f0_hz, rel=0.05)


def test_the_same_words_are_the_same_bytes_and_other_words_of_that_length_are_not() -> None:
    assert beeped("Yes.") == beeped("Yes.")
    assert beeped("Yes.") != beeped("Off.")
    assert len(beeped("Yes.")) == len(beeped("Off."))


def test_a_tone_says_in_its_tag_that_it_is_no_speech() -> None:
    with av.open(io.BytesIO(beeped("Yes."))) as container:
        assert container.metadata["comment"].startswith("NOT SPEECH")
