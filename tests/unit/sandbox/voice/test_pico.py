import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import SAMPLE_RATE, Profile, VoiceEngine
from pipeline.sandbox.voice.analysis import measure

Talents = dict[str, NDArray[np.float32]]

LINE = "Take this lantern, keep it dry, and do not open the iron door."


@pytest.fixture(scope="session")
def light_cast(pico: VoiceEngine, talents: Talents) -> dict[str, Profile]:
    return {name: pico.clone(pcm, SAMPLE_RATE) for name, pcm in talents.items()}


def test_a_clone_speaks_at_its_talents_pitch(pico: VoiceEngine, light_cast: dict[str, Profile]) -> None:
    for name, profile in light_cast.items():
        spoken = measure(pico.speak(LINE, profile), SAMPLE_RATE)
        semitones = 12 * abs(np.log2(spoken.f0_hz / profile.measured.f0_hz))
        assert semitones < 1.5, name


def test_it_is_understood_to_speak(pico: VoiceEngine) -> None:
    assert pico.speaks
    assert pico.name == "pico"


def test_the_length_of_a_line_follows_its_text_and_speed(pico: VoiceEngine, light_cast: dict[str, Profile]) -> None:
    profile = light_cast["mara"]
    short, long, fast = (
        len(pico.speak(text, profile, speed)) for text, speed in (("Yes.", 1.0), (LINE, 1.0), (LINE, 1.5))
    )
    assert short < 0.4 * long
    assert fast == pytest.approx(long / 1.5, rel=0.15)


def test_five_thousand_characters_are_spoken_to_the_end(pico: VoiceEngine, light_cast: dict[str, Profile]) -> None:
    text = (LINE + " ") * 79
    seconds = len(pico.speak(text[:5_000], light_cast["bram"])) / SAMPLE_RATE
    assert 200 < seconds < 500


def test_markup_in_a_line_is_not_obeyed(pico: VoiceEngine, light_cast: dict[str, Profile]) -> None:
    marked = pico.speak('<speed level="400">slow <b>down</b> now', light_cast["ilse"])
    assert len(marked) > 1.5 * len(pico.speak("slow down now", light_cast["ilse"]))


@pytest.mark.parametrize("text", ["7", "é", "你好", "x", "№ 5", "\x00a"])
def test_a_single_letter_or_digit_of_any_script_is_heard(
    pico: VoiceEngine, light_cast: dict[str, Profile], text: str
) -> None:
    assert np.abs(pico.speak(text, light_cast["ilse"])).max() > 0.05


def test_threads_take_turns(pico: VoiceEngine, light_cast: dict[str, Profile]) -> None:
    lengths: list[int] = []
    threads = [
        threading.Thread(target=lambda: lengths.append(len(pico.speak(LINE, light_cast["oswin"])))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 4
    assert max(lengths) < 1.1 * min(lengths)


def test_stock_and_designed_voices_are_spoken_too(pico: VoiceEngine) -> None:
    for profile in (pico.system_profile("English_Captain"), pico.design("a bright young woman", None, None)):
        assert profile is not None
        assert len(pico.speak("Ready.", profile)) > 0.2 * SAMPLE_RATE


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("English_Duchess", "English_Songbird", True),  # 181 and 175 Hz, of the same formants
        ("English_Duchess", "English_Ferrywoman", True),
        ("English_Duchess", "English_Presenter", False),  # 155 Hz
        ("English_Duchess", "English_Narrator", False),
    ],
)
def test_voices_that_nobody_could_tell_apart_are_alike(pico: VoiceEngine, one: str, other: str, *, alike: bool) -> None:
    first, second = pico.system_profile(one), pico.system_profile(other)
    assert first is not None
    assert second is not None
    assert pico.alike(first, second) is pico.alike(second, first) is alike
