"""Whether a take is in the voice of those before it: a voiceprint and theirs in, a check out. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.quality.checks import held, not_checked
from pipeline.quality.likeness import coherence, nearness, usual_coherence, usual_nearness
from pipeline.quality.limits import Limits
from pipeline.quality.pitch import shift, spread
from pipeline.quality.verdict import Check, CheckName, Result
from pipeline.quality.voiceprint import SHORTEST_SECONDS, Pitch, Voiceprint

_ALL_ROOM: Final = 1.0


@dataclass(frozen=True)
class Comparison:
    """A take beside its voice, in likeness or in pitch.

    `room` is how far it lies from what is usual, as a share of how far it may. `told` says where it lies.
    """

    check: Check
    room: float
    told: str


def voice(take: Voiceprint, known: Sequence[Voiceprint], limits: Limits, *, exclaimed: bool) -> Check:
    """Hold a take to its voice in likeness, in pitch, and in both together.

    A short take may be found in another voice by either alone, and never in the right one: both are uncertain there.
    """
    alike, pitched = likeness(take, known, limits), pitch(take.pitch, known, limits, exclaimed=exclaimed)
    compared = [one for one in (alike, pitched) if one]
    failed = [one.check for one in compared if one.check.result is Result.FAILED]
    if failed:
        return replace(failed[0], reason="; ".join(check.reason for check in failed))
    if take.seconds < SHORTEST_SECONDS:
        return _too_short(take.seconds, compared)
    if alike and pitched and alike.room + pitched.room > _ALL_ROOM:
        return _far_in_both(alike, pitched)
    return alike.check if alike else not_checked(CheckName.VOICE, "no earlier take of the voice is known")


def _far_in_both(alike: Comparison, pitched: Comparison) -> Check:
    """Refuse a take by the room that it needs in all: in its own voice it rarely needs much of both."""
    reason = f"it sounds like another voice ({alike.told}) and {pitched.told}: either may be, both are too much"
    needed = alike.room + pitched.room
    return held(CheckName.VOICE, needed, "of the room in likeness and pitch", reason, highest=_ALL_ROOM)


def _too_short(seconds: float, compared: Sequence[Comparison]) -> Check:
    if not compared:
        return not_checked(CheckName.VOICE, f"{seconds:.1f} s of speech are too little to tell a voice")
    reason = f"{seconds:.1f} s of speech are too little to tell the right voice, and nothing in them tells another"
    return replace(compared[0].check, result=Result.NOT_CHECKED, reason=reason)


def likeness(take: Voiceprint, known: Sequence[Voiceprint], limits: Limits) -> Comparison | None:
    """Hold a take to how near takes of these lengths come to each other; None where there is nothing to compare."""
    if not (known and take.embedding):
        return None
    near = nearness(take.embedding, [earlier.embedding for earlier in known])
    usual, margin = _usual(take, known, limits), _margin(take, limits)
    told = f"likeness {near:.2f}, at least {usual - margin:.2f}"
    reason = f"it sounds like another voice ({told})"
    check = held(CheckName.VOICE, near, "likeness", reason, lowest=usual - margin)
    return Comparison(check, max(0.0, usual - near) / margin, told)


def pitch(take: Pitch | None, known: Sequence[Voiceprint], limits: Limits, *, exclaimed: bool) -> Comparison | None:
    """Hold a take's pitch to where the voice's earlier takes lie; None where there is nothing to compare."""
    theirs = [earlier.pitch for earlier in known if earlier.pitch]
    if take is None or not theirs:
        return None
    semitones, tolerance = shift(take, theirs), _tolerance(take, theirs, limits)
    highest = tolerance + limits.exclaimed_semitones * exclaimed
    side, allowed = ("higher", highest) if semitones > 0 else ("lower", tolerance)
    told = f"speaks {abs(semitones):.1f} semitones {side} than this voice's takes (at most {allowed:.1f})"
    check = held(CheckName.VOICE, semitones, "semitones", f"it {told}", lowest=-tolerance, highest=highest)
    return Comparison(check, abs(semitones) / allowed, told)


def _margin(take: Voiceprint, limits: Limits) -> float:
    return limits.likeness_margin if take.seconds >= SHORTEST_SECONDS else limits.short_likeness_margin


def _usual(take: Voiceprint, known: Sequence[Voiceprint], limits: Limits) -> float:
    """Return how near a take should come to its voice: as near as its takes come to each other, as far as known."""
    seconds = [earlier.seconds for earlier in known]
    near = usual_nearness(take.seconds, seconds)
    if len(known) == 1:
        return near
    apart = (1 - coherence([earlier.embedding for earlier in known])) / (1 - usual_coherence(seconds))
    told, usual = (len(known) - 1) * min(apart, limits.most_apart), limits.usual_takes
    return 1 - (1 - near) * (told + usual) / (len(known) - 1 + limits.usual_takes)


def _tolerance(take: Pitch, voice: Sequence[Pitch], limits: Limits) -> float:
    """Return how many semitones a take may lie from its voice: as its takes do, as far as these are known."""
    takes = len(voice)
    told, usual = (takes - 1) * spread(voice) ** 2, limits.usual_takes * limits.usual_spread**2
    variance = (told + usual) / (takes - 1 + limits.usual_takes) * (1 + 1 / takes)
    variance += (limits.short_spread / take.seconds) ** 2
    return max(limits.pitch_semitones, limits.pitch_spreads * (1 + 2 / takes) * math.sqrt(variance))
