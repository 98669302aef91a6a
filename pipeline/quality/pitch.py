"""Whether a take lies where its voice's other takes lie in pitch."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.pitch import TRACKED_A_SECOND, pitch_track
from pipeline.quality.voiceprint import Pitch

LEAST_VOICED_SECONDS: Final = 0.3
"""In less than that a voice has no pitch to speak of: a shout, a breath, a whisper."""
_TRACKED_SECONDS: Final = 20
"""Of a take: its quartiles are settled long before."""
_DIGITS: Final = 2


def pitch_of(samples: NDArray[np.float32], rate: int) -> Pitch | None:
    """Return the pitch of mono speech; None where too little of it is voiced."""
    track = pitch_track(samples[: _TRACKED_SECONDS * rate], rate)
    voiced = track[track > 0]
    if len(voiced) < LEAST_VOICED_SECONDS * TRACKED_A_SECOND:
        return None
    low, middle, high = (round(float(at), _DIGITS) for at in np.percentile(12 * np.log2(voiced), (25, 50, 75)))
    return Pitch(low, middle, high, len(voiced) / TRACKED_A_SECOND)


def shift(take: Pitch, voice: Sequence[Pitch]) -> float:
    """Return by how many semitones a take lies above its voice, below it where negative.

    Of the three quartiles the one that moved the least counts, and nothing where they moved apart: a shout that falls,
    or rises, over its whole length is no other voice.
    """
    usual = np.median(_quartiles(voice), axis=0)
    moved = np.array([take.low, take.middle, take.high]) - usual
    return 0.0 if moved.min() < 0 < moved.max() else float(moved[np.abs(moved).argmin()])


def spread(voice: Sequence[Pitch]) -> float:
    """Return how far the middles of a voice's takes lie apart: their standard deviation in semitones; 0 of one."""
    return float(np.std([take.middle for take in voice], ddof=1)) if len(voice) > 1 else 0.0


def _quartiles(voice: Sequence[Pitch]) -> NDArray[np.float64]:
    return np.array([(take.low, take.middle, take.high) for take in voice])
