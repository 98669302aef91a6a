"""The natural engine's stock styles, and the map that finds the blend of them which sounds like a given speaker."""

from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.voice.profile import Style, rounded

Floats = NDArray[np.float64]

HALF: Final = 128
"""A style is 256 numbers: 128 for timbre, 128 for prosody."""

_AWAY_FROM_AVERAGE = 1.2
"""Aiming past the target, away from the average talker, keeps the members of a cast apart: ABX 0.90 against 0.86."""
_DISTANCE_PENALTY = 0.0015
_PITCH_PENALTY = 0.15
_STEPS, _STEP_SIZE = 400, 0.05


class StyleBank:
    """The stock styles, each at 20 text lengths; blends of them are what the natural engine speaks with."""

    def __init__(self) -> None:
        with _asset("kokoro_styles.npz") as stored:
            self.names = tuple(str(name) for name in stored["names"])
            self._lengths = stored["rows"]
            self._packs = stored["packs"].astype(np.float32)

    def only(self, name: str) -> Style:
        """Return one stock style, unblended."""
        return self.blend({name: 1.0})

    def blend(self, shares: dict[str, float]) -> Style:
        """Return a blend of stock styles by their shares, which are brought to a sum of 1."""
        weights = np.zeros(len(self.names))
        for name, share in shares.items():
            weights[self.names.index(name)] = share
        flat = rounded(weights / weights.sum(), 4)
        return Style(flat, flat)

    def vector(self, style: Style, tokens: int) -> NDArray[np.float32]:
        """Return the 256 numbers of a style for a text of that many tokens."""
        below = int(np.clip(np.searchsorted(self._lengths, tokens, "right") - 1, 0, len(self._lengths) - 2))
        lower, upper = self._lengths[below], self._lengths[below + 1]
        share = float(np.clip((tokens - lower) / (upper - lower), 0, 1))
        rows = self._packs[:, below] * (1 - share) + self._packs[:, below + 1] * share
        halves = np.asarray(style.timbre) @ rows[:, :HALF], np.asarray(style.prosody) @ rows[:, HALF:]
        return np.concatenate(halves).astype(np.float32)


class StyleMap:
    """A linear map from style coordinates to speaker embeddings, fitted on 420 synthetic blends, and its inverse."""

    def __init__(self) -> None:
        with _asset("style_map.npz") as stored:
            embedding, pitch = stored["F"].astype(float), stored["G"].astype(float)
            self._to_weights = stored["T0"].astype(float), stored["T1"].astype(float)
            self._average = stored["real_mean"].astype(float)
        self._embedding, self._embedding_offset = embedding[:-1], embedding[-1]
        self._pitch, self._pitch_offset = pitch[:-1], float(pitch[-1])

    def style_of(self, embedding: Floats, f0_hz: float) -> Style:
        """Return the blend whose embedding and median pitch come nearest."""
        target = embedding + _AWAY_FROM_AVERAGE * (embedding - self._average)
        return self._weights(self._descend(target / np.linalg.norm(target), float(np.log2(f0_hz))))

    def _descend(self, target: Floats, log_f0: float) -> Floats:
        position = np.zeros(len(self._embedding))
        first, second = position.copy(), position.copy()
        for step in range(1, _STEPS + 1):  # Adam, its step size falling to nothing
            slope = self._gradient(position, target, log_f0)
            first = 0.9 * first + 0.1 * slope
            second = 0.999 * second + 0.001 * slope**2
            direction = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
            position = position - _STEP_SIZE * (1 - step / (_STEPS + 1)) * direction
        return position

    def _gradient(self, position: Floats, target: Floats, log_f0: float) -> Floats:
        """Slope of: - cosine + penalty on the distance from the stock styles + penalty on the pitch error."""
        # Not `@`: a product this small costs more in BLAS's threads than it saves, 1,200 times a clone.
        reached = np.einsum("z,ze->e", position, self._embedding) + self._embedding_offset
        norm = np.linalg.norm(reached)
        unit = reached / norm
        off_target = np.einsum("ze,e->z", self._embedding, target - (unit @ target) * unit) / norm
        pitch_error = float(position @ self._pitch) + self._pitch_offset - log_f0
        return np.asarray(
            2 * _DISTANCE_PENALTY * position + 2 * _PITCH_PENALTY * pitch_error * self._pitch - off_target
        )

    def _weights(self, position: Floats) -> Style:
        rank = len(self._to_weights[0])
        halves = (part @ to for part, to in zip(np.split(position, [rank]), self._to_weights, strict=True))
        timbre, prosody = (rounded(1 / len(half) + half, 4) for half in halves)
        return Style(timbre, prosody)


@cache
def style_bank() -> StyleBank:
    """Return the stock styles, loaded once."""
    return StyleBank()


@cache
def style_map() -> StyleMap:
    """Return the style map, loaded once."""
    return StyleMap()


def _asset(name: str) -> np.lib.npyio.NpzFile:
    stored = np.load(str(files("pipeline.sandbox.voice").joinpath("assets", name)))
    if not isinstance(stored, np.lib.npyio.NpzFile):
        raise TypeError(f"{name} is no npz archive")
    return stored
