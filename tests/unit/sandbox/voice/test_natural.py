import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import (
    SAMPLE_RATE,
    EngineUnavailable,
    Profile,
    SpeakerEncoder,
    UnusableRecording,
    VoiceEngine,
)
from pipeline.sandbox.voice.catalogue import system_profile

Portraits = dict[str, NDArray[np.float32]]
Takes = dict[str, list[NDArray[np.float32]]]

pytestmark = pytest.mark.computes


@pytest.fixture
def captain() -> Profile:
    profile = system_profile("English_Captain")
    assert profile is not None
    return profile


def test_every_line_is_nearest_to_its_own_talent(embedded_takes: Takes, portraits: Portraits) -> None:
    references = np.array(list(portraits.values()))
    for own, name in enumerate(portraits):
        for take in embedded_takes[name]:
            likeness = references @ take
            assert int(likeness.argmax()) == own, f"a line of {name}: {likeness.round(2)}"


def test_a_clone_is_like_its_talent_by_085_and_more(
    takes: Takes, portraits: Portraits, encoder: SpeakerEncoder
) -> None:
    for name, portrait in portraits.items():
        assert encoder.embed(np.concatenate(takes[name]), SAMPLE_RATE) @ portrait >= 0.85, name


def test_a_voice_stays_itself_from_line_to_line(embedded_takes: Takes) -> None:
    first, second = (np.array([lines[i] for lines in embedded_takes.values()]) for i in (0, 1))
    assert ((first @ second.T).argmax(axis=1) == np.arange(len(first))).all()


def test_takes_are_level_and_start_and_end_with_the_voice(takes: Takes) -> None:
    for take in (take for lines in takes.values() for take in lines):
        rms_db = 20 * np.log10(np.sqrt((take.astype(float) ** 2).mean()))
        assert -24 < rms_db <= -19.9
        assert np.abs(take).max() <= 0.951
        loud = np.flatnonzero(np.abs(take) > 0.01)
        assert loud[0] < 0.3 * SAMPLE_RATE
        assert len(take) - loud[-1] < 0.4 * SAMPLE_RATE


def test_the_same_line_is_the_same_bytes(natural: VoiceEngine, captain: Profile) -> None:
    first, second = (natural.speak("Stand easy, all of you.", captain) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_threads_get_the_same_bytes_as_one_caller(natural: VoiceEngine, captain: Profile) -> None:
    alone = natural.speak("Cast off.", captain).tobytes()
    spoken: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: spoken.append(natural.speak("Cast off.", captain).tobytes())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spoken == [alone] * 3


def test_speed_shortens_a_line(natural: VoiceEngine, captain: Profile) -> None:
    slow, fast = (len(natural.speak("The bridge is gone.", captain, speed)) for speed in (0.8, 1.5))
    assert fast < 0.75 * slow


@pytest.mark.parametrize("speed", [0.1, 3.0, float("nan")])
def test_an_impossible_speed_is_refused(natural: VoiceEngine, captain: Profile, speed: float) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.5 to 2\.0"):
        natural.speak("The bridge is gone.", captain, speed)


@pytest.mark.parametrize("text", ["7", "é", "你好", "x", "№ 5"])
def test_a_single_letter_or_digit_of_any_script_is_heard(natural: VoiceEngine, captain: Profile, text: str) -> None:
    pcm = natural.speak(text, captain)
    assert len(pcm) > 0.1 * SAMPLE_RATE
    assert np.abs(pcm).max() > 0.05


@pytest.mark.parametrize("text", ["", "  \n", "🎉", "..."])
def test_text_without_a_letter_or_digit_has_no_sound(natural: VoiceEngine, captain: Profile, text: str) -> None:
    assert len(natural.speak(text, captain)) == 0


@pytest.mark.parametrize(
    ("pcm", "said"),
    [
        (np.zeros(0, np.float32), "0.00 s of audio"),
        (np.ones(1000, np.float32), "0.04 s of audio"),
        (np.zeros(48_000, np.float32), "silent"),
        (np.full(48_000, np.nan, np.float32), "not numbers"),
        (np.ones((2, 48_000), np.float32), "2 dimensions"),
    ],
)
def test_a_recording_without_a_voice_is_refused(natural: VoiceEngine, pcm: np.ndarray, said: str) -> None:
    with pytest.raises(UnusableRecording, match=said):
        natural.clone(pcm, SAMPLE_RATE)


def test_another_model_is_refused_by_its_hash(
    natural: VoiceEngine, captain: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "model.onnx"
    fake.write_bytes(b"not the model")
    monkeypatch.setenv("CALLSHEET_KOKORO_ONNX", str(fake))
    with pytest.raises(EngineUnavailable, match=r"is not kokoro-v1\.0\.int8\.onnx: its sha256 is [0-9a-f]{64}"):
        type(natural)().speak("Ready.", captain)


def test_a_model_path_that_leads_nowhere_is_refused_by_name(
    natural: VoiceEngine, captain: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_KOKORO_ONNX", str(tmp_path / "away.onnx"))
    with pytest.raises(EngineUnavailable, match=r"away\.onnx, which cannot be read .* Correct or unset it"):
        type(natural)().speak("Ready.", captain)
