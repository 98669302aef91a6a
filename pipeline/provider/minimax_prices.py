"""What MiniMax charges: a built-in table, since its API publishes no prices. Amounts are integer micro-dollars."""

from dataclasses import dataclass

from pipeline.provider.characters import with_han_twice
from pipeline.provider.port import Prices

CLONE_MODEL = "voice_clone"
DESIGN_MODEL = "voice_design"

CLONE_MICROS = 1_500_000
DESIGN_MICROS = 3_000_000
"""Both fall due when the voice first speaks."""

PREVIEW_MICROS_PER_MILLION_CHARS = 30_000_000
"""The sample that a design speaks is billed at once."""
SAMPLE_CHARS = 20
"""A design speaks the first words of its voice: what is held for it covers them."""


@dataclass(frozen=True)
class SpeechModel:
    """A model of ours: its name upstream, and micro-dollars a million characters."""

    upstream: str
    micros: int


_HD = SpeechModel("speech-2.8-hd", 100_000_000)
_TURBO = SpeechModel("speech-2.8-turbo", 60_000_000)

SPEECH = {
    # The first two are what Kyma calls them, so that a project is spoken by either.
    "minimax-speech-hd": _HD,
    "minimax-speech-turbo": _TURBO,
    _HD.upstream: _HD,
    _TURBO.upstream: _TURBO,
}


def table() -> Prices:
    """Return the built-in price list."""
    return Prices(
        clone_micros=CLONE_MICROS,
        design_micros=DESIGN_MICROS + SAMPLE_CHARS * PREVIEW_MICROS_PER_MILLION_CHARS // 1_000_000,
        speech_micros_per_million_chars={name: model.micros for name, model in SPEECH.items()},
        source="table",
        counts_han_twice=True,
    )


def preview_micros(text: str) -> int:
    """Return the expected price of a design's sample, rounded up."""
    return -(-with_han_twice(text) * PREVIEW_MICROS_PER_MILLION_CHARS // 1_000_000)
