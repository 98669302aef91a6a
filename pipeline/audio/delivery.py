"""How a take is delivered: the file that is wanted, and what became of it. Plain values."""

from dataclasses import dataclass
from enum import StrEnum

TARGET_LUFS = -23.0
"""Dialogue on home platforms: ASWG-R001 asks for -23 LUFS, give or take `TOLERANCE_LU`."""
TOLERANCE_LU = 2.0
CEILING_DBTP = -1.0
"""Room for what a game's own lossy codec adds between the samples."""
MOST_GAIN_DB = 30.0


class FileCoding(StrEnum):
    """What a delivered file is stored as; the value is its extension."""

    WAV = "wav"
    OGG = "ogg"
    """Vorbis."""
    MP3 = "mp3"
    FLAC = "flac"

    @property
    def keeps_every_sample(self) -> bool:
        """Whether bits can be chosen, because nothing is thrown away."""
        return self in {FileCoding.WAV, FileCoding.FLAC}


@dataclass(frozen=True)
class Delivery:
    """A wanted file: rate in Hz, levels in LUFS and dBTP."""

    coding: FileCoding
    rate: int = 48_000
    channels: int = 1
    bits: int = 16
    """16 or 24, where the coding keeps every sample."""
    target_lufs: float | None = TARGET_LUFS
    """None leaves the level as it is."""
    ceiling_dbtp: float = CEILING_DBTP
    tail_seconds: float = 0.0
    """Of silence behind the take; levels are those of what is in front of it."""


class LevelRule(StrEnum):
    """By what the gain was chosen."""

    LOUDNESS = "loudness"
    RMS = "rms"
    """Loudness is not defined below 0.4 s: the mean power was brought to the target instead."""
    CEILING = "ceiling"
    """The true peak allowed less gain than the target asks for."""
    MOST_GAIN = "most gain"
    """So faint a take was raised by `MOST_GAIN_DB` and no further: what is left is its noise."""
    SILENCE = "silence"
    OFF = "off"


@dataclass(frozen=True)
class Heard:
    """How loud a sound is, all its channels together. Digital silence reads -120."""

    seconds: float
    lufs: float | None
    """Integrated loudness (BS.1770-4); None below 0.4 s or where everything is under -70 LUFS."""
    rms_dbfs: float
    """Mean power."""
    true_peak_dbtp: float


@dataclass(frozen=True)
class Delivered:
    """A written file: `before` is the take in mono, `after` was measured on the file."""

    before: Heard
    after: Heard
    gain_db: float
    rule: LevelRule
    size: int
    sha256: str
