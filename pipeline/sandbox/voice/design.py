"""Makes a voice from a description: words pull towards the stock voices that have the trait, then shape the rest."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.analysis import BAND_CENTRES
from pipeline.sandbox.voice.catalogue import STOCK_VOICES, StockVoice, stock_measurements
from pipeline.sandbox.voice.profile import Measurements, Profile, rounded
from pipeline.sandbox.voice.styles import style_bank

Floats = NDArray[np.float64]

TRAITS: Final = ("pitch", "brightness", "age", "roughness", "warmth", "breath")

_WORDS: Final[dict[str, dict[str, float]]] = {
    "deep low bass baritone": {"pitch": -1.0, "brightness": -0.4},
    "booming giant huge monster ogre troll": {"pitch": -1.5, "roughness": 0.5},
    "high soprano squeaky shrill piping": {"pitch": 1.0, "brightness": 0.5},
    "bright clear crisp sparkling": {"brightness": 1.0},
    "dark muffled sombre somber": {"brightness": -1.0},
    "warm soft gentle kind tender soothing friendly cosy cozy": {"warmth": 1.0, "brightness": -0.3},
    "cold icy stern harsh strict stiff formal clinical posh haughty": {"warmth": -1.0},
    "young youthful teen teenage girlish boyish": {"age": -1.0, "pitch": 0.4},
    "child kid little boy girl": {"age": -1.0, "pitch": 1.2},
    "old elderly aged ancient grandmother grandfather elder wise": {"age": 1.0, "roughness": 0.3},
    "mature middle-aged middle adult": {"age": 0.4},
    "gravelly rough raspy hoarse husky grizzled weathered growling smoky gruff rugged": {"roughness": 1.0},
    "smooth silky velvet velvety polished": {"roughness": -0.8, "warmth": 0.3},
    "whisper whispering whispery hushed breathy quiet ghost ghostly": {"breath": 1.0},
    "strong powerful commanding heroic authoritative": {"pitch": -0.5, "age": 0.3},
    "cheerful lively playful bubbly energetic excited happy": {"pitch": 0.4, "age": -0.4, "brightness": 0.4},
    "sad tired weary melancholy sleepy": {"pitch": -0.3, "brightness": -0.6},
    "robot robotic machine android": {"warmth": -1.0, "brightness": 0.6},
}
_AGE_GROUPS: Final = {"child": "child", "young": "young", "middle-aged": "mature", "elderly": "elderly"}
_PACE: Final = {
    "slow slowly calm unhurried measured weary sleepy old elderly": 0.92,
    "fast quick quickly rapid brisk energetic excited lively": 1.1,
}
_FEMALE: Final = frozenset(
    ("female", "woman", "women", "girl", "lady", "she", "her", "mother",
     "queen", "grandmother", "actress", "governess", "heroine", "witch")
)  # fmt: skip
_MALE: Final = frozenset(
    ("male", "man", "men", "boy", "gentleman", "he", "his", "father", "king", "grandfather",
     "actor", "hero", "knight", "ogre", "wizard")
)  # fmt: skip
_ACCENTS: Final = {
    "british": "british", "english": "british", "london": "british", "uk": "british", "scottish": "british",
    "irish": "british", "american": "american", "us": "american", "usa": "american", "californian": "american",
}  # fmt: skip
_NEGATIONS: Final = frozenset(("not", "never", "no", "without", "isn't"))

_SHARPNESS: Final = 3.0
"""How strongly a blend leans on its nearest stock voices; a flat blend makes all designs alike."""
_BLENDED: Final = 3
_INDIVIDUALITY: Final = 0.5
"""How far the description's hash moves the choice: two casts' "old man" need not be one voice."""
_LARGEST_WARP: Final = 0.16
_TILT_DB: Final = 3.0
_DARK_HZ, _BRIGHT_HZ = 1000, 2000


@dataclass
class _Wish:
    """What a description asks for."""

    traits: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TRAITS, 0.0))
    gender: str | None = None
    accent: str | None = None
    pace: float = 1.0


def design(description: str, gender: str | None = None, age_group: str | None = None) -> Profile:
    """Return a voice for a description; gender is male or female, age group child, young, middle-aged or elderly."""
    wish = _understand(description, age_group)
    wish.gender = gender or wish.gender
    shares = _shares(wish, _fingerprint(description, gender, age_group))
    return _shaped(shares, wish)


def _understand(description: str, age_group: str | None) -> _Wish:
    wish = _Wish()
    words = re.findall(r"[a-z]+(?:['-][a-z]+)*", description.lower())
    for before, word in zip(["", *words], [*words, _AGE_GROUPS.get(age_group or "", "")], strict=True):
        sign = -1.0 if before in _NEGATIONS else 1.0
        for trait, amount in _trait_words().get(word, {}).items():
            wish.traits[trait] += sign * amount
        if word in _FEMALE | _MALE and wish.gender is None:
            wish.gender = "female" if word in _FEMALE else "male"
        wish.accent = wish.accent or _ACCENTS.get(word)
        wish.pace *= _pace_words().get(word, 1.0)
    wish.traits = {trait: float(np.clip(amount, -2, 2)) for trait, amount in wish.traits.items()}
    wish.pace = float(np.clip(wish.pace, 0.85, 1.2))
    return wish


def _shares(wish: _Wish, jitter: Floats) -> dict[str, float]:
    """Return the stock styles that fit best and their shares of the blend."""
    fitting = [stock for stock in STOCK_VOICES if wish.gender in (None, stock.gender)]
    fitting = [stock for stock in fitting if wish.accent in (None, stock.accent)]
    wanted = np.array([np.clip(wish.traits[trait], -1, 1) for trait in TRAITS])
    # A trait nobody asked for counts little.
    weight = np.where(wanted == 0, 0.15, 1.0)
    misfit = {
        stock: float((weight * (_traits()[stock.style] - wanted) ** 2).sum())
        - _INDIVIDUALITY * float(jitter[STOCK_VOICES.index(stock)])
        for stock in fitting
    }
    ranking = sorted(fitting, key=lambda stock: (misfit[stock], stock.style))
    # A blend of a man and a woman is nobody; where no gender was asked for, the best fit decides.
    best = [stock for stock in ranking if stock.gender == ranking[0].gender][:_BLENDED]
    return {stock.style: float(np.exp(-_SHARPNESS * (misfit[stock] - misfit[best[0]]))) for stock in best}


def _shaped(shares: dict[str, float], wish: _Wish) -> Profile:
    known = [stock_measurements()[style] for style in shares]
    weight = np.array(list(shares.values())) / sum(shares.values())
    embedding = weight @ np.array([stock.embedding for stock in known])
    blended = _blend([stock.measured for stock in known], weight)
    warp = 1 + _LARGEST_WARP * _beyond(wish, shares, weight)
    tilt_db = _TILT_DB * float(np.clip(wish.traits["brightness"] - 0.5 * wish.traits["warmth"], -1.5, 1.5))
    return Profile(
        measured=_moved(blended, warp, tilt_db),
        embedding=rounded(embedding / np.linalg.norm(embedding), 4),
        style=style_bank().blend(shares),
        calibration=_moved(blended, warp, 0.0),
        warp=round(warp, 2),
        pace=round(wish.pace, 2),
    )


def _beyond(wish: _Wish, shares: dict[str, float], weight: Floats) -> float:
    """Return how much higher (1) or lower (-1) than its stock voices the voice shall be: children, giants."""
    have = float(weight @ np.array([_traits()[style][0] for style in shares]))
    missing = wish.traits["pitch"] - have if wish.traits["pitch"] else 0.0
    return float(np.clip(missing, -1, 1))


def _blend(measured: list[Measurements], weight: Floats) -> Measurements:
    scalars = np.array([[m.f0_spread, m.voiced, m.bandwidth_hz] for m in measured])
    spread, voiced, bandwidth = (float(value) for value in weight @ scalars)
    f0 = float(np.exp(weight @ np.log([m.f0_hz for m in measured])))
    envelope = weight @ np.array([m.envelope for m in measured])
    return Measurements(round(f0, 2), round(spread, 2), round(voiced, 3), round(bandwidth), rounded(envelope, 2))


def _moved(measured: Measurements, warp: float, tilt_db: float) -> Measurements:
    log_centres = np.log(BAND_CENTRES)
    envelope = np.interp(log_centres, log_centres + np.log(warp), measured.envelope)
    octaves = np.log2(BAND_CENTRES / 1000)
    envelope = envelope + tilt_db * octaves / np.abs(octaves).max() * np.log(10) / 10
    return Measurements(
        round(measured.f0_hz * warp, 2),
        measured.f0_spread,
        measured.voiced,
        measured.bandwidth_hz,
        rounded(envelope, 2),
    )


@cache
def _traits() -> dict[str, Floats]:
    """Return each stock style's traits, -1 to 1: pitch and brightness ranked within its gender, the rest as cast."""
    known = stock_measurements()
    traits = {}
    for gender in ("female", "male"):
        group = [stock for stock in STOCK_VOICES if stock.gender == gender]
        pitch = _ranked([np.log(known[stock.style].measured.f0_hz) for stock in group])
        brightness = _ranked([_slope(known[stock.style].measured) for stock in group])
        for row, stock in enumerate(group):
            traits[stock.style] = np.array([pitch[row], brightness[row], *_cast_traits(stock)])
    return traits


def _cast_traits(stock: StockVoice) -> tuple[float, float, float, float]:
    return stock.age, stock.roughness, stock.warmth, stock.breath


def _slope(measured: Measurements) -> float:
    envelope = np.asarray(measured.envelope)
    return float(envelope[BAND_CENTRES > _BRIGHT_HZ].mean() - envelope[BAND_CENTRES < _DARK_HZ].mean())


def _ranked(values: list[float]) -> Floats:
    spread = np.asarray(values) - np.mean(values)
    return np.asarray(np.clip(spread / (1.5 * spread.std() + 1e-9), -1, 1))


def _fingerprint(*parts: str | None) -> Floats:
    """Return one number from 0 to 1 for each stock voice, the same for the same words."""
    digest = hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).digest()
    return np.frombuffer(digest[: len(STOCK_VOICES)], np.uint8) / 255


@cache
def _trait_words() -> dict[str, dict[str, float]]:
    return {word: traits for words, traits in _WORDS.items() for word in words.split()}


@cache
def _pace_words() -> dict[str, float]:
    return {word: pace for words, pace in _PACE.items() for word in words.split()}
