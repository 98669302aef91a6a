"""How loud each voice and each piece of music is in the mix: one gain a voice, so that a whisper stays a whisper."""

import math
from collections.abc import Mapping, Sequence

from pipeline.audio.mixdown.score import Extent
from pipeline.audio.mixdown.score import Music as Measured
from pipeline.intake.rules.episode import Music
from pipeline.packs.rules.episode.timeline import Placed

SPEECH_LUFS = -20.0
"""Where every voice is brought before the whole is mastered."""
MOST_GAIN_DB = 20.0
"""So faint a voice, or music, is raised by this and no further: what is left is its noise."""
_GATE_LU = 10.0
"""Lines this far below a voice's mean do not count for it, as quiet blocks do not in BS.1770: whispers, asides."""


def voice_gains(placed: Sequence[Placed], extents: Mapping[str, Extent]) -> dict[str, float]:
    """Return the gain in dB of each character, from the loudness of all its lines together."""
    spoken: dict[str, list[Extent]] = {}
    for one in placed:
        spoken.setdefault(one.piece.character, []).append(extents[one.piece.line_id])
    return {character: _bounded(SPEECH_LUFS - _loudness(takes)) for character, takes in spoken.items()}


def music_gain(music: Music, measured: Measured) -> float:
    """Return the gain in dB of a piece of music, against the loudness of speech; 0 for silence."""
    return 0.0 if measured.lufs is None else _bounded(SPEECH_LUFS + music.level_db - measured.lufs)


def _loudness(takes: Sequence[Extent]) -> float:
    levels = [(_level(take), take.seconds) for take in takes]
    mean = _mean(levels)
    return _mean([one for one in levels if one[0] > mean - _GATE_LU] or levels)


def _level(take: Extent) -> float:
    # A word shorter than 0.4 s has no loudness: its mean power is within a few LU of it.
    return take.rms_dbfs if take.lufs is None else take.lufs


def _mean(levels: Sequence[tuple[float, float]]) -> float:
    energy = sum(seconds * 10 ** (level / 10) for level, seconds in levels)
    return 10 * math.log10(energy / sum(seconds for _, seconds in levels))


def _bounded(gain_db: float) -> float:
    return min(MOST_GAIN_DB, gain_db)
