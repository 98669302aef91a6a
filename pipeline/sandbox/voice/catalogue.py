"""The stock voices: 28 English styles of the natural engine under names of the sandbox's own."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.engine import SystemVoice
from pipeline.sandbox.voice.profile import Measurements, Profile, rounded
from pipeline.sandbox.voice.styles import style_bank

MEASUREMENTS_FILE: Final = "stock_voices.npz"


@dataclass(frozen=True, slots=True)
class StockVoice:
    """A stock style with what a caster wants to know; traits run from -1 (young, smooth, cold) to 1."""

    style: str
    name: str
    age: float
    roughness: float
    warmth: float
    description: str
    breath: float = 0.0

    @property
    def voice_id(self) -> str:
        """The id callers use."""
        return "English_" + self.name.replace(" ", "_")

    @property
    def gender(self) -> str:
        """The second letter of a style's name tells it."""
        return "female" if self.style[1] == "f" else "male"

    @property
    def accent(self) -> str:
        """The first letter of a style's name tells it."""
        return "american" if self.style[0] == "a" else "british"


STOCK_VOICES: Final = (
    StockVoice("af_alloy", "Archivist", 0.0, 0.0, -0.2, "level and matter-of-fact"),
    StockVoice("af_aoede", "Songbird", -0.3, -0.3, 0.3, "light and lyrical"),
    StockVoice("af_bella", "Baker", 0.0, 0.1, 0.7, "warm and lively"),
    StockVoice("af_heart", "Companion", -0.1, -0.2, 0.9, "warm and close"),
    StockVoice("af_jessica", "Student", -0.8, 0.0, 0.0, "young and quick"),
    StockVoice("af_kore", "Surveyor", 0.1, 0.0, -0.1, "clear and composed"),
    StockVoice("af_nicole", "Night Nurse", 0.0, 0.0, 0.6, "hushed, nearly a whisper", breath=1.0),
    StockVoice("af_nova", "Presenter", 0.1, -0.2, 0.1, "bright and confident"),
    StockVoice("af_river", "Ferrywoman", 0.0, 0.1, 0.3, "calm and even"),
    StockVoice("af_sarah", "Advocate", 0.2, -0.1, 0.2, "assured and measured"),
    StockVoice("af_sky", "Pilot", -0.5, -0.1, 0.1, "fresh and airy", breath=0.3),
    StockVoice("am_adam", "Foreman", 0.4, 0.3, -0.3, "plain and firm"),
    StockVoice("am_echo", "Radio Operator", -0.1, 0.1, -0.2, "neutral and clear"),
    StockVoice("am_eric", "Surgeon", 0.2, 0.0, 0.0, "precise and steady"),
    StockVoice("am_fenrir", "Blacksmith", 0.2, 0.6, 0.1, "sturdy and a little rough"),
    StockVoice("am_liam", "Courier", -0.6, 0.0, 0.1, "young and direct"),
    StockVoice("am_michael", "Narrator", 0.2, 0.0, 0.7, "warm and unhurried"),
    StockVoice("am_onyx", "Captain", 0.5, 0.5, 0.2, "deep and commanding"),
    StockVoice("am_puck", "Jester", -0.4, 0.2, 0.3, "playful and brisk"),
    StockVoice("am_santa", "Grandfather", 1.0, 0.8, 0.6, "old and hearty"),
    StockVoice("bf_alice", "Governess", 0.4, 0.0, -0.3, "formal and exact"),
    StockVoice("bf_emma", "Duchess", 0.5, 0.0, 0.3, "mature and gracious"),
    StockVoice("bf_isabella", "Gardener", 0.1, -0.2, 0.6, "soft and friendly", breath=0.3),
    StockVoice("bf_lily", "Apprentice", -0.6, -0.2, 0.2, "young and bright"),
    StockVoice("bm_daniel", "Announcer", 0.3, -0.1, -0.2, "crisp and official"),
    StockVoice("bm_fable", "Storyteller", 0.2, 0.0, 0.5, "expressive and inviting"),
    StockVoice("bm_george", "Magistrate", 0.6, 0.2, 0.2, "mature and weighty"),
    StockVoice("bm_lewis", "Lighthouse Keeper", 0.6, 0.7, 0.1, "low and weathered"),
)


@dataclass(frozen=True, slots=True)
class StockMeasurement:
    """How a stock voice sounds."""

    measured: Measurements
    embedding: tuple[float, ...]


@cache
def stock_measurements() -> dict[str, StockMeasurement]:
    """Return the measurements of every stock style by its name."""
    with files(__package__).joinpath("assets", MEASUREMENTS_FILE).open("rb") as file, np.load(file) as stored:
        names, scalars = [str(name) for name in stored["names"]], stored["scalars"].astype(float)
        envelopes, embeddings = stored["envelopes"].astype(float), stored["embeddings"].astype(float)
    return {
        name: StockMeasurement(
            _measurements(scalars[row], envelopes[row]),
            rounded(embeddings[row], 4),
        )
        for row, name in enumerate(names)
    }


def _measurements(scalars: NDArray[np.float64], envelope: NDArray[np.float64]) -> Measurements:
    f0_hz, f0_spread, voiced, bandwidth_hz = rounded(scalars, 3)
    return Measurements(f0_hz, f0_spread, voiced, bandwidth_hz, rounded(envelope, 2))


@cache
def system_voices() -> tuple[SystemVoice, ...]:
    """List the stock voices as callers see them."""
    return tuple(
        SystemVoice(
            stock.voice_id,
            stock.name,
            stock.gender,
            stock.accent,
            f"{stock.accent.capitalize()} {stock.gender} voice, {stock.description}.",
        )
        for stock in STOCK_VOICES
    )


@cache
def system_profile(voice_id: str) -> Profile | None:
    """Return a stock voice's profile, or None for an unknown id."""
    stock = next((stock for stock in STOCK_VOICES if stock.voice_id == voice_id), None)
    if stock is None:
        return None
    known = stock_measurements()[stock.style]
    return Profile(known.measured, known.embedding, style=style_bank().only(stock.style), calibration=known.measured)
