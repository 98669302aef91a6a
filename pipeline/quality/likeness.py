"""Whether a take is in the voice of the takes before it."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.speaker import EMBEDDED_SECONDS, SpeakerEncoder

_ERROR: Final = 0.375
"""What is not the voice in an embedding of one second of speech, beside what is: the square of its length.

It falls with the seconds. Fitted on takes of both engines (docs/quality.md).
"""


def embedding(encoder: SpeakerEncoder, samples: NDArray[np.float32], rate: int) -> tuple[float, ...]:
    """Return the voice of mono speech, 256 numbers of unit length; the first minute counts."""
    vector = encoder.embed(samples[: EMBEDDED_SECONDS * rate], rate)
    return tuple(round(float(value), 4) for value in vector)


def coherence(voice: Sequence[Sequence[float]]) -> float:
    """Return how near a voice's takes come to each other: the mean likeness of each to the rest, of two or more."""
    rest = ([*voice[:number], *voice[number + 1 :]] for number in range(len(voice)))
    return float(np.mean([nearness(take, others) for take, others in zip(voice, rest, strict=True)]))


def nearness(take: Sequence[float], voice: Sequence[Sequence[float]]) -> float:
    """Return how near a take comes to the middle of a voice's other takes: a cosine, 1 at most."""
    middle = np.mean(np.asarray(voice, np.float64), axis=0)
    return float(np.dot(take, middle) / (np.linalg.norm(take) * np.linalg.norm(middle) + 1e-9))


def usual_nearness(seconds: float, voice: Sequence[float]) -> float:
    """Return how near a take usually comes to the middle of others in its voice, for the seconds of speech in each."""
    off, theirs = _ERROR / seconds, _ERROR * sum(1 / known for known in voice) / len(voice) ** 2
    return 1 / math.sqrt((1 + off) * (1 + theirs))


def usual_coherence(voice: Sequence[float]) -> float:
    """Return how near the takes of a voice usually come to each other, for the seconds of speech in each."""
    rest = ((*voice[:number], *voice[number + 1 :]) for number in range(len(voice)))
    return sum(usual_nearness(take, others) for take, others in zip(voice, rest, strict=True)) / len(voice)
