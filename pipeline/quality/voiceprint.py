"""What is remembered of a good take, so that later takes can be held to its voice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

SHORTEST_SECONDS: Final = 1.6
"""Of speech in a take that others are held to: one window of the encoder."""
LEAST_SECONDS: Final = 0.8
"""Of speech that has an embedding: half a window. What is shorter is mostly silence to the encoder."""


@dataclass(frozen=True)
class Pitch:
    """Where the pitch of a take lies: its quartiles in semitones above 1 Hz, over `seconds` of voiced sound."""

    low: float
    middle: float
    high: float
    seconds: float

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Read it from JSON values."""
        return cls(float(row["low"]), float(row["middle"]), float(row["high"]), float(row["seconds"]))


@dataclass(frozen=True)
class Voiceprint:
    """How a voice sounds in one take.

    `embedding` is the speaker encoder's 256 numbers, of unit length; none of less speech than `LEAST_SECONDS`. `pitch`
    is None where the take has none of its own: it is whispered, or an emotion was asked for. The more `seconds` of
    speech, the surer the embedding.
    """

    embedding: tuple[float, ...]
    pitch: Pitch | None = None
    seconds: float = SHORTEST_SECONDS

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Read it from JSON values. Raises ValueError, TypeError or LookupError where they are something else."""
        pitch, seconds = row["pitch"], float(row.get("seconds", SHORTEST_SECONDS))  # none in reports of before
        embedding = tuple(float(value) for value in row["embedding"])
        return cls(embedding, None if pitch is None else Pitch.from_dict(pitch), seconds)
