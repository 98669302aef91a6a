"""The names speech formats go by: `mp3`, `mp3_44100_128`, `wav`, `wav_24000`, `m4a`, `pcm_24000`, `ulaw_8000`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pipeline.audio.sniff import Container
from pipeline.errors import UsageError

_NAME = re.compile(r"(mp3|wav|m4a|pcm|ulaw)(?:_(\d{4,6}))?(?:_(\d{2,3}))?")


class Coding(StrEnum):
    """How speech is stored: in one of our containers, or as bare samples that nothing describes."""

    MP3 = "mp3"
    WAV = "wav"
    M4A = "m4a"
    PCM = "pcm"
    """16-bit little-endian mono."""
    ULAW = "ulaw"
    """G.711 mu-law, mono."""

    @property
    def container(self) -> Container | None:
        """The container; None for bare samples."""
        return None if self in {Coding.PCM, Coding.ULAW} else Container(self.value)


_DEFAULT_RATES = {Coding.MP3: 44_100, Coding.WAV: 44_100, Coding.M4A: 44_100, Coding.PCM: 24_000}
_ULAW_RATE = 8_000
_DEFAULT_BIT_RATE = 128_000


@dataclass(frozen=True)
class SpeechFormat:
    """A parsed format name: `rate` in Hz, `bit_rate` in bit/s (of lossy codings)."""

    coding: Coding
    rate: int
    bit_rate: int = _DEFAULT_BIT_RATE

    @property
    def bytes_per_sample(self) -> int:
        """Size of a bare sample."""
        return 1 if self.coding is Coding.ULAW else 2


def parse_format(name: str) -> SpeechFormat:
    """Return what a format name means. Raises `UsageError` for a name we do not know."""
    match = _NAME.fullmatch(name)
    rate = int(match[2]) if match and match[2] else None
    if match is None or rate == 0:
        raise UsageError(
            f"unknown audio format {name!r}",
            hint="use mp3, wav, m4a, pcm or ulaw, where wanted with a rate: mp3_44100_128, pcm_24000",
        )
    coding = Coding(match[1])
    bit_rate = int(match[3]) * 1000 if match[3] else _DEFAULT_BIT_RATE
    return SpeechFormat(coding, rate or _DEFAULT_RATES.get(coding, _ULAW_RATE), bit_rate)
