"""Makes the engine-independent part of a voice: what it measures like and who it sounds like."""

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.analysis import measure
from pipeline.sandbox.voice.encoder import speaker_encoder
from pipeline.sandbox.voice.engine import UnusableRecording
from pipeline.sandbox.voice.profile import Profile, rounded

SHORTEST_SECONDS = 1.0
"""What the analysis needs; how much a product accepts is decided where recordings are taken in."""
_SILENCE_RMS = 1e-4


def clone(pcm: NDArray[np.float32], rate: int) -> Profile:
    """Measure and embed mono speech."""
    _refuse_unusable(pcm, rate)
    return Profile(measure(pcm, rate), rounded(speaker_encoder().embed(pcm, rate), 4))


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
