"""The part of an engine that needs no synthesiser: cloning's analysis, design by words, the stock voices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.speaker import speaker_encoder
from pipeline.sandbox.voice import catalogue
from pipeline.sandbox.voice.analysis import measure
from pipeline.sandbox.voice.design import design
from pipeline.sandbox.voice.engine import SystemVoice, UnusableRecording
from pipeline.sandbox.voice.profile import Profile, rounded

SHORTEST_SECONDS = 1.0
"""What the analysis needs; how much a product accepts is decided where recordings are taken in."""
_SILENCE_RMS = 1e-4


class Casting:
    """Makes voices and lists the stock ones; an engine adds the speaking."""

    def clone(self, pcm: NDArray[np.float32], rate: int) -> Profile:
        """Measure and embed mono speech; raises `UnusableRecording` when there is none."""
        _refuse_unusable(pcm, rate)
        return Profile(measure(pcm, rate), rounded(speaker_encoder().embed(pcm, rate), 4))

    def design(self, description: str, gender: str | None, age_group: str | None) -> Profile:
        """Blend stock voices by the words of the description."""
        return design(description, gender, age_group)

    def system_voices(self) -> Sequence[SystemVoice]:
        """List the stock voices."""
        return catalogue.system_voices()

    def system_profile(self, voice_id: str) -> Profile | None:
        """Return a stock voice's profile, or None for an unknown id."""
        return catalogue.system_profile(voice_id)

    def alike(self, one: Profile, other: Profile) -> bool:
        """Say whether nobody could tell two voices apart: each is a person of its own here, unless it is the same."""
        return one == other


def _refuse_unusable(pcm: NDArray[np.float32], rate: int) -> None:
    if pcm.ndim != 1:
        raise UnusableRecording(f"{pcm.ndim} dimensions of samples; mono speech has one")
    if len(pcm) < SHORTEST_SECONDS * rate:
        raise UnusableRecording(f"{len(pcm) / rate:.2f} s of audio; a voice needs at least {SHORTEST_SECONDS:g} s")
    if not np.isfinite(pcm).all():
        raise UnusableRecording("some samples are not numbers")
    rms = float(np.sqrt((pcm.astype(np.float64) ** 2).mean()))
    if rms < _SILENCE_RMS:
        raise UnusableRecording(f"the recording is silent ({20 * np.log10(rms + 1e-10):.0f} dBFS)")
