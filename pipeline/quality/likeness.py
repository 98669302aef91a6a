"""Whether a take is in the voice of the takes before it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.speaker import EMBEDDED_SECONDS, SpeakerEncoder

SHORTEST_SECONDS: Final = 1.6
"""One window of the encoder. What is shorter is half silence to it, and told apart from itself."""


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
