"""The light engine: SVOX Pico, 50 lines a second on one core, its pitch and formants moved towards the voice."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from py_nanotts import MAX_PITCH, MAX_SPEED, MIN_PITCH, MIN_SPEED, NanoTTS

from pipeline.audio.resampling import resample
from pipeline.sandbox.voice.analysis import BAND_CENTRES, measure
from pipeline.sandbox.voice.casting import Casting
from pipeline.sandbox.voice.engine import SAMPLE_RATE, checked_speed
from pipeline.sandbox.voice.profile import Measurements, Profile
from pipeline.sandbox.voice.shaping import equalise, level, trim
from pipeline.wording.spoken_text import chunks, spoken

Floats = NDArray[np.float32]

_RATE: Final = 16_000
_BASES: Final = ("en-US", "en-GB")
_CALIBRATION_TEXT: Final = "I told you not to come back to the harbour after dark. Take this lantern and keep it dry."
_WARPS: Final = np.arange(82, 123) / 100
"""Vocal tracts from 22 % longer to 18 % shorter than the base voice's."""
_LOWEST_HZ, _HIGHEST_HZ, _LEAST_BANDS = 250.0, 4200.0, 8
"""Where the first three formants lie."""
HEARD_PITCH_SEMITONES: Final = 1.95
HEARD_FORMANT_SEMITONES: Final = 1.73
"""From here on listeners tell two voices apart that differ in nothing else: the means of normal-hearing listeners in
Gaudrain and Baskent, Discrimination of voice pitch and vocal-tract length, Ear and Hearing 39(2), 2018."""
_PAUSE = np.zeros(int(0.18 * SAMPLE_RATE), np.float32)


@dataclass(frozen=True, slots=True)
class _Rendering:
    """How to reach a voice: which base voice, and how far its formants move."""

    base: str
    warp: float


class PicoEngine(Casting):
    """Speaks with a small synthesiser: understood well, but a cast differs less than with the natural engine."""

    name = "pico"
    speaks = True
    version = "pico-1 svox-pico"

    def __init__(self) -> None:
        self._synthesiser = NanoTTS()
        # Pico keeps state between calls and nobody promises that it is thread-safe.
        self._lock = threading.Lock()
        self._measured = lru_cache(maxsize=None)(self._measure_base)
        self._rendering = lru_cache(maxsize=1024)(self._fit)

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> Floats:
        """Speak at 24 kHz mono, level -20 dBFS."""
        checked_speed(speed)
        rendering = self._rendering(profile.measured)
        parts: list[Floats] = []
        for chunk in chunks(spoken(text)):
            parts += [self._say(chunk, profile, rendering, speed * profile.pace), _PAUSE]
        if not parts:
            return np.zeros(0, np.float32)
        source = self._measured(rendering.base)
        return level(equalise(np.concatenate(parts[:-1]), source, profile.measured, rendering.warp))

    def alike(self, one: Profile, other: Profile) -> bool:
        """Say whether nobody could tell two voices apart: the same base voice in nearly the same pitch and formants."""
        here, there = self._rendering(one.measured), self._rendering(other.measured)
        return (
            here.base == there.base
            and _semitones(one.measured.f0_hz, other.measured.f0_hz) < HEARD_PITCH_SEMITONES
            and _semitones(here.warp, there.warp) < HEARD_FORMANT_SEMITONES
        )

    def _say(self, chunk: str, profile: Profile, rendering: _Rendering, speed: float) -> Floats:
        # Spoken slower and lower, then played faster: formants move, pitch and rate come out as asked.
        pitch = profile.measured.f0_hz / self._measured(rendering.base).f0_hz / rendering.warp
        pcm = self._synthesise(chunk, rendering.base, pitch, speed / rendering.warp)
        return trim(resample(pcm, round(_RATE * rendering.warp), SAMPLE_RATE), SAMPLE_RATE)

    def _synthesise(self, text: str, base: str, pitch: float = 1.0, speed: float = 1.0) -> Floats:
        pitch = min(max(pitch, MIN_PITCH), MAX_PITCH)
        speed = min(max(speed, MIN_SPEED), MAX_SPEED)
        with self._lock:
            data = self._synthesiser.speak(text, voice=base, pitch=pitch, speed=speed)
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)

    def _measure_base(self, base: str) -> Measurements:
        return measure(self._synthesise(_CALIBRATION_TEXT, base), _RATE)

    def _fit(self, target: Measurements) -> _Rendering:
        fits = [(*_best_warp(self._measured(base), target), base) for base in _BASES]
        _, warp, base = min(fits)
        return _Rendering(base, warp)


def _semitones(one: float, other: float) -> float:
    return abs(12 * float(np.log2(one / other)))


def _best_warp(source: Measurements, target: Measurements) -> tuple[float, float]:
    """Return the misfit and the formant factor at which the source's envelope lies nearest to the target's."""
    top = min(_HIGHEST_HZ, 0.9 * target.bandwidth_hz, 0.9 * source.bandwidth_hz)
    usable = (BAND_CENTRES > _LOWEST_HZ) & (top > BAND_CENTRES)
    if usable.sum() < _LEAST_BANDS:
        return 0.0, 1.0
    log_centres = np.log(BAND_CENTRES)
    x = log_centres[usable]
    # Level, tilt and bend belong to the recording; only where the formants lie is compared.
    trend = np.stack([np.ones(len(x)), x, x**2], axis=1)
    misfits = []
    for warp in _WARPS:
        moved = np.interp(log_centres, log_centres + np.log(warp), source.envelope)[usable]
        difference = np.asarray(target.envelope)[usable] - moved
        difference -= trend @ np.linalg.lstsq(trend, difference, rcond=None)[0]
        misfits.append((float((difference**2).mean() + 4 * np.log(warp) ** 2), float(warp)))
    return min(misfits)
