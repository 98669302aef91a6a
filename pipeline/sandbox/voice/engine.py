"""What every voice engine of the sandbox can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.profile import Profile

Floats = NDArray[np.float32]

SAMPLE_RATE: Final = 24_000
"""Hz of everything an engine speaks: mono float samples in [-1, 1]."""

SLOWEST, FASTEST = 0.5, 2.0

PROCESS_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For the start of a process that clones: numpy reads it when it is imported.

The sandbox speaks side by side already; threads inside numpy's products only fight for the same cores.
"""


class EngineUnavailable(RuntimeError):
    """The engine asked for does not exist or cannot run here; the text says what to do."""


class UnusableRecording(ValueError):
    """There is no voice to clone in these samples; the text says what was found."""


@dataclass(frozen=True, slots=True)
class SystemVoice:
    """A stock voice that anybody may use without cloning."""

    voice_id: str
    name: str
    gender: str
    accent: str
    description: str


class VoiceEngine(Protocol):
    """Makes voices and speaks with them. All methods may be called from many threads at once."""

    @property
    def name(self) -> str:
        """Say which engine this is: natural, pico or tone."""

    @property
    def speaks(self) -> bool:
        """Say whether the sound is speech; a tone only has its length and pitch."""

    @property
    def version(self) -> str:
        """Name the engine's release and its model, for the provenance of a clip."""

    def clone(self, pcm: Floats, rate: int) -> Profile:
        """Make a voice from mono speech; raises `UnusableRecording` when there is none."""

    def design(self, description: str, gender: str | None, age_group: str | None) -> Profile:
        """Make a voice from words; the same words always make the same voice."""

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> Floats:
        """Speak at 24 kHz mono; empty only for text without a letter or digit."""

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the stock voices."""

    def system_profile(self, voice_id: str) -> Profile | None:
        """Return a stock voice's profile, or None for an unknown id."""

    def alike(self, one: Profile, other: Profile) -> bool:
        """Say whether nobody could tell two voices apart in what this engine speaks."""


def checked_speed(speed: float) -> float:
    """Return the speed; raises ValueError outside 0.5 to 2.0."""
    if not SLOWEST <= speed <= FASTEST:
        raise ValueError(f"speed {speed} is outside {SLOWEST} to {FASTEST}")
    return speed
