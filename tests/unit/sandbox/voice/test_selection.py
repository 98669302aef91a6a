import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import BestEngine, EngineUnavailable, Profile, load_engine, selection
from pipeline.sandbox.voice.catalogue import system_profile
from pipeline.sandbox.voice.tone import ToneEngine

Candidates = dict[str, selection._Candidate]


class Mute(ToneEngine):
    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> NDArray[np.float32]:
        return super().speak(text, profile, speed)[:0]


class Broken(ToneEngine):
    def __init__(self) -> None:
        raise OSError("the library is for another machine")


@pytest.fixture
def candidates(monkeypatch: pytest.MonkeyPatch) -> Candidates:
    table = dict(selection._CANDIDATES)
    monkeypatch.setattr(selection, "_CANDIDATES", table)
    return table


def _captain() -> Profile:
    profile = system_profile("English_Captain")
    assert profile is not None
    return profile


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(EngineUnavailable, match="'espeak'; choose one of auto, natural, pico, tone"):
        load_engine("espeak")


@pytest.mark.parametrize(("name", "extra"), [("natural", "voice"), ("pico", "embedded")])
def test_a_missing_package_names_the_extra_to_install(candidates: Candidates, name: str, extra: str) -> None:
    candidates[name] = replace(candidates[name], packages=("no_such_package",))
    with pytest.raises(EngineUnavailable, match=rf"needs no_such_package\. Run: pip install 'callsheet\[{extra}\]'"):
        load_engine(name)


def test_auto_takes_the_next_engine_when_one_is_missing_mute_or_broken(
    candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "engines_of_this_test", here)
    candidates["natural"] = replace(candidates["natural"], packages=(), module="engines_of_this_test", engine="Mute")
    candidates["pico"] = replace(candidates["pico"], packages=(), module="engines_of_this_test", engine="Broken")
    engine = load_engine("auto")
    assert isinstance(engine, BestEngine)
    assert engine.name == "natural"
    assert len(engine.speak("Ready.", _captain())) > 0
    assert engine.name == "tone"
    assert not engine.speaks
    assert set(engine.refusals) == {"natural", "pico"}
    assert "another machine" in engine.refusals["pico"]


def test_auto_chooses_once_however_many_ask_at_the_same_time(
    candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ToneEngine] = []

    class Counted(ToneEngine):
        def __init__(self) -> None:
            made.append(self)

    monkeypatch.setattr("pipeline.sandbox.voice.tone.ToneEngine", Counted)
    for name in ("natural", "pico"):
        del candidates[name]
    engine = load_engine("auto")
    threads = [threading.Thread(target=lambda: engine.speak("Ready.", _captain())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_importing_and_choosing_loads_no_synthesiser() -> None:
    program = (
        "import sys; from pipeline.sandbox.voice import load_engine; load_engine('auto').system_voices(); "
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'py_nanotts', 'soxr')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
