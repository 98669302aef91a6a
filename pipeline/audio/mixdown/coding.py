"""The files an episode is written as, and what they tell about it. Plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class Coding:
    """How a file is stored: `bit_rates` (bit/s) for one channel and for two, none where nothing is thrown away."""

    suffix: str
    muxer: str
    codec: str
    bit_rates: tuple[int, int] | None = None
    vbr_quality: int | None = None
    """LAME's: 0 is the best."""
    bits: int = 16
    brand: str = ""
    """The kind of MPEG-4 file."""
    scale: float = 1.0
    """What the encoder multiplies all sound by, unasked."""
    most_chapters: int | None = None
    """How many it holds; None where nothing bounds them, or there are none."""

    @property
    def lossy(self) -> bool:
        """Whether the codec changes the sound, and so its peaks."""
        return self.bit_rates is not None or self.vbr_quality is not None

    @property
    def dithered(self) -> bool:
        """Whether samples are rounded so far that it could be heard as more than noise."""
        return not self.lossy and self.bits == 16  # noqa: PLR2004 - what is rounded to 24 bits nobody can hear

    def bit_rate(self, channels: int) -> int:
        """Return its bit rate in bit/s, 0 where it has none."""
        return self.bit_rates[channels - 1] if self.bit_rates else 0


_LAME_SCALE = 0.95
"""LAME lowers what it writes at a constant bit rate, and offers no way to stop it: measured, -0.445 dB."""

_ID3_CHAPTERS = 255
"""Counted in one byte. So are those of an MPEG-4 file's `chpl`, but its chapter track holds all of them."""
_COMMENT_CHAPTERS = 1_000
"""`CHAPTER000` has three digits."""

CODINGS = {
    "mp3": Coding("mp3", "mp3", "libmp3lame", (96_000, 128_000), scale=_LAME_SCALE, most_chapters=_ID3_CHAPTERS),
    "mp3_vbr": Coding("mp3", "mp3", "libmp3lame", vbr_quality=4, most_chapters=_ID3_CHAPTERS),
    "m4b": Coding("m4b", "mp4", "aac", (80_000, 128_000), brand="M4B "),
    "m4a": Coding("m4a", "mp4", "aac", (80_000, 128_000), brand="M4A "),
    "opus": Coding("opus", "ogg", "libopus", (64_000, 96_000), most_chapters=_COMMENT_CHAPTERS),
    "flac": Coding("flac", "flac", "flac", most_chapters=_COMMENT_CHAPTERS),
    "flac_24": Coding("flac", "flac", "flac", bits=24, most_chapters=_COMMENT_CHAPTERS),
    "wav": Coding("wav", "wav", "pcm_s16le"),
    "wav_24": Coding("wav", "wav", "pcm_s24le", bits=24),
}


def coding_of(name: str) -> Coding:
    """Return a coding by its name. Raises `UsageError`."""
    if name not in CODINGS:
        raise UsageError(f"An episode cannot be written as {name!r}.", hint=f"Use one of {', '.join(CODINGS)}.")
    return CODINGS[name]


def one_file(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of codings whose files would have one name."""
    first: dict[str, str] = {}
    told = [(first.setdefault(coding_of(name).suffix, name), name) for name in names]
    return [(one, other) for one, other in told if one != other]


def too_few_for(chapters: int, names: Iterable[str]) -> dict[str, int]:
    """Return which of some codings hold fewer chapters, and how many each of them holds."""
    limits = {name: coding_of(name).most_chapters for name in names}
    return {name: most for name, most in limits.items() if most is not None and most < chapters}


@dataclass(frozen=True, slots=True)
class Mark:
    """A chapter in a file, in seconds."""

    title: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file tells about itself; what is empty is left out."""

    title: str = ""
    show: str = ""
    author: str = ""
    number: int | None = None
    date: str = ""
    """As `2026-11-23`."""
    description: str = ""
    genre: str = "Podcast"
    marks: Sequence[Mark] = ()
    cover: bytes | None = None
    """A JPEG or PNG picture."""
