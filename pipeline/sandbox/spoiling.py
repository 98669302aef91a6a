"""Bad takes on demand: what a spoilt answer sounds like."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.faults import Point
from pipeline.sandbox.shares import digest_of
from pipeline.sandbox.voice import SAMPLE_RATE, Profile, VoiceEngine

Floats = NDArray[np.float32]

_SILENT_AMPLITUDE: Final = 10 ** (-70 / 20)
_LEAST_CUT, _MOST_CUT = 0.25, 0.6
_LEAST_CLIP_DB, _MOST_CLIP_DB = 14.0, 24.0
_LONG_TIMES: Final = 10
_LONG_PAUSE: Final = np.zeros(int(0.15 * SAMPLE_RATE), np.float32)
_NEARLY_AS_LONG: Final = 6

OTHER_LINES: Final = (
    "Yes.", "Get down!", "Not today.", "Who goes there?", "Fetch the rope, quickly.", "Leave the lamp where it is.",
    "We sail at first light, whatever happens.", "Nobody told me about any second key.",
    "My brother paid for that horse in silver.", "The kitchen smells of onions and old smoke.",
    "Put the letters back before anyone asks for them.", "I have walked this wall for eleven winters now.",
    "When the river freezes, they will cross it with wagons.",
    "You could have written, you know, even a single word would do.",
    "There is a garden behind the chapel, and nobody has the gate.",
    "Ask the miller about the fire, he was the first one to see it burning.",
    "Three of them went into the cellar, and only two of them came out again.",
    "If you hear a whistle from the tower, drop everything and run to the stables.",
    "She drew a map for us once, but the rain got into the bag and took most of the south.",
    "They say the old king buried his crown with the dog, because the dog was the only one who wept.",
    "Tomorrow we will count the barrels, and if one is missing I shall know exactly whom I have to thank.",
)  # fmt: skip
"""What is said in place of a line; the one chosen lasts about as long, so that its length gives nothing away."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said in the end: the samples at 24 kHz, and the words in them."""

    pcm: Floats
    text: str


def speak(
    engine: VoiceEngine, profile: Profile, line: tuple[str, str], speed: float, points: Collection[Point] = ()
) -> Spoken:
    """Speak a line (its text, and the id of the voice it is asked in), and spoil it where points say so."""
    text, voice_id = line
    fate = digest_of(text, voice_id)
    if Point.WRONG_LINE in points:
        text = _other_line(text, fate)
    if Point.WRONG_VOICE in points:
        profile = _other_voice(engine, profile, voice_id, fate)
    pcm = engine.speak(text, profile, speed)
    for point, spoil in _SPOILERS.items():
        if point in points and len(pcm):
            pcm = spoil(pcm, fate)
    return Spoken(pcm, text)


def _other_line(text: str, fate: bytes) -> str:
    others = sorted((line for line in OTHER_LINES if line != text), key=lambda line: abs(len(line) - len(text)))
    chosen = others[fate[0] % _NEARLY_AS_LONG]
    return " ".join([chosen] * max(1, round(len(text) / len(chosen)))) if len(text) > len(chosen) else chosen


def _other_voice(engine: VoiceEngine, profile: Profile, voice_id: str, fate: bytes) -> Profile:
    """Draw one of the stock voices that anybody hears to be another; where there is none, any but the voice itself.

    A light engine has voices that sound the same under several names: one in place of the other is no wrong voice.
    """
    stock = [engine.system_profile(voice.voice_id) for voice in engine.system_voices() if voice.voice_id != voice_id]
    others = [other for other in stock if other]
    heard = [other for other in others if not engine.alike(profile, other)] or others
    return heard[fate[1] % len(heard)] if heard else profile


def _silenced(pcm: Floats, fate: bytes) -> Floats:
    noise = np.random.default_rng(fate[2]).standard_normal(len(pcm))
    return (noise * _SILENT_AMPLITUDE).astype(np.float32)


def _cut(pcm: Floats, fate: bytes) -> Floats:
    lost = _LEAST_CUT + (_MOST_CUT - _LEAST_CUT) * fate[3] / 255
    return pcm[: max(1, int(len(pcm) * (1 - lost)))]


def _clipped(pcm: Floats, fate: bytes) -> Floats:
    gain_db = _LEAST_CLIP_DB + (_MOST_CLIP_DB - _LEAST_CLIP_DB) * fate[4] / 255
    return np.asarray(np.clip(pcm * 10 ** (gain_db / 20), -1, 1), np.float32)


def _prolonged(pcm: Floats, _: bytes) -> Floats:
    return np.concatenate([pcm, _LONG_PAUSE] * _LONG_TIMES)[: _LONG_TIMES * len(pcm)]


_SPOILERS: Final = {
    Point.SILENT_AUDIO: _silenced,
    Point.CUT_AUDIO: _cut,
    Point.CLIPPED_AUDIO: _clipped,
    Point.LONG_AUDIO: _prolonged,
}
