"""The last resort where no synthesiser runs: beeps at the voice's pitch, one a word. It is not speech."""

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.casting import Casting
from pipeline.sandbox.voice.engine import SAMPLE_RATE, checked_speed
from pipeline.sandbox.voice.profile import Profile
from pipeline.sandbox.voice.shaping import level
from pipeline.wording.spoken_text import spoken

Floats = NDArray[np.float32]

_SECONDS_A_LETTER = 0.065
"""English at a calm 150 words a minute, so that timings stay near those of speech."""
_GAP_SECONDS = 0.05
_FADE_SECONDS = 0.01
_HARMONICS = (1.0, 0.5, 0.25)


class ToneEngine(Casting):
    """Beeps: pitch and length of a line are right, nothing else is. Marked `speaks = False`."""

    name = "tone"
    speaks = False
    version = "tone-1"

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> Floats:
        """Beep at 24 kHz mono, level -20 dBFS."""
        rate = checked_speed(speed) * profile.pace
        words = [word for word in spoken(text).split() if any(character.isalpha() for character in word)]
        if not words:
            return np.zeros(0, np.float32)
        gap = np.zeros(int(_GAP_SECONDS * SAMPLE_RATE), np.float32)
        beeps = [part for word in words for part in (_beep(len(word) / rate, profile.measured.f0_hz), gap)]
        return level(np.concatenate(beeps[:-1]))


def _beep(letters: float, f0_hz: float) -> Floats:
    time = np.arange(int((letters * _SECONDS_A_LETTER + _FADE_SECONDS) * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(share * np.sin(2 * np.pi * f0_hz * number * time) for number, share in enumerate(_HARMONICS, start=1))
    fade = np.minimum(1, np.minimum(time, time[::-1]) / _FADE_SECONDS)
    return np.asarray(wave * fade, dtype=np.float32)
