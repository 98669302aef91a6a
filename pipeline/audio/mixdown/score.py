"""What is heard when, and how loud: plain values. Times in seconds, gains in dB."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

RATE = 48_000
"""Hz of all that is mixed and written."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A stored sound; `format` is named for bare samples alone (`pcm_24000`): all others say what they are."""

    path: Path
    format: str = ""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where in a take something is heard, how long the take is with its silence, and how loud.

    `lufs` is None below 0.4 s and for silence; `rms_dbfs` is the mean power between the edges. Both count the sound on
    as many channels as the mix has.
    """

    first: float
    last: float
    length: float
    lufs: float | None
    rms_dbfs: float

    @property
    def seconds(self) -> float:
        """How long it is heard; 0 for a silent take."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Music:
    """How long a piece of music is, and how loud on as many channels as the mix has; no `lufs` for silence."""

    seconds: float
    lufs: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a sound in the mix: what lies at `first` in it is heard at `start`, and `seconds` of it follow."""

    sound: Sound
    start: float
    seconds: float
    first: float = 0.0
    gain_db: float = 0.0
    fade_in: float = 0.0
    fade_out: float = 0.0
    duck_db: float = 0.0
    """How much lower it goes while somebody speaks; 0 or below."""


@dataclass(frozen=True, slots=True)
class Score:
    """A whole mix; `speech` holds when somebody speaks, as (from, to), in order."""

    parts: Sequence[Part]
    seconds: float
    channels: int = 2
    speech: Sequence[tuple[float, float]] = field(default=())

    @property
    def samples(self) -> int:
        """Length in samples of each channel."""
        return samples(self.seconds)


def samples(seconds: float) -> int:
    """Return how many samples of a channel a time holds, to the nearest."""
    return round(seconds * RATE)


def widened_db(rows: int, channels: int) -> float:
    """Return by how much a sound of `rows` channels is louder where it is heard on `channels`: one on both, 3 LU."""
    return 10 * math.log10(channels / rows)
