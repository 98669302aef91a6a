"""What a reference must be, and what is said when it is not. Pure: figures in, problems out."""

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.audio.levels import Levels
from pipeline.audio.rejection import Problem


@dataclass(frozen=True)
class ReferenceRules:
    """Limits for a reference recording; sizes in bytes, shares from 0 to 1."""

    min_seconds: float = 10.0
    max_seconds: float = 300.0
    max_bytes: int = 200_000_000
    """For the recording as delivered: a 5 min studio master (48 kHz, 24 bit, stereo) has 86 MB."""
    provider_max_bytes: int = 10_485_760
    """For the normalised file that is sent on."""
    max_silence_share: float = 0.6
    """At this share, in whole percent, a recording is refused."""
    max_clipping_share: float = 0.001
    max_packet_error_share: float = 0.02
    length_tolerance_seconds: float = 1.0
    length_tolerance_share: float = 0.02
    """Declared and decoded length may differ by the larger of the two."""
    codec_padding_seconds: float = 0.1
    """MP3 and AAC add up to this much to what the editor exported."""
    min_lufs: float = -50.0
    """Raising anything quieter to the target would raise the room's noise to the level of speech."""
    target_lufs: float = -20.0
    """Speech peaks 12 to 18 dB above its loudness: here they stay under the ceiling without a limiter."""
    true_peak_ceiling_dbtp: float = -1.0
    """Room for what a lossy codec adds between the samples."""


class Part(NamedTuple):
    """Which part of a longer recording is meant, in seconds from its beginning."""

    start: float
    end: float


@dataclass(frozen=True)
class SourceFacts:
    """The recording as delivered. `seconds` is counted in decoded samples; `declared_seconds` is its header's claim.

    Of one of which a part is meant, `seconds` are those of the part, and what its header claims is not compared.
    """

    container: str
    codec: str
    sample_rate: int
    bits: int | None
    channels: int
    seconds: float
    declared_seconds: float | None
    packets: int
    packet_errors: int
    size_bytes: int
    reached_limit: bool
    """Decoding was stopped at the longest allowed length; there may be hours more."""
    cancelled_db: float
    """How much the sound loses when its two channels are mixed into one; 0 where nothing cancels."""


MAX_CANCELLED_DB = 12.0
"""One silent channel costs 6 dB; a channel of reversed polarity everything."""


def check_source(source: SourceFacts, levels: Levels, rules: ReferenceRules) -> list[Problem]:
    """Return every reason to refuse the recording; none where it can be used."""
    checks = (
        _length(source, rules),
        _declared(source, rules),
        _damage(source, rules),
        _loudness(levels, rules),
        _silence(levels, rules),
        _clipping(levels, rules),
        _cancellation(source),
    )
    return [problem for problem in checks if problem]


def check_trimmed(seconds: float, source: SourceFacts, rules: ReferenceRules) -> list[Problem]:
    """Return the problem of a recording that is too short once the silence around it is gone."""
    if seconds >= rules.min_seconds:
        return []
    return [
        Problem(
            "too_short_trimmed",
            f"only {seconds:.1f} s are left of {source.seconds:.1f} s without the silence before and after",
            measured=f"{seconds:.1f} s",
            allowed=_allowed_length(rules),
            hint="record more speech; silence around it does not count",
        )
    ]


def _allowed_length(rules: ReferenceRules) -> str:
    return f"{rules.min_seconds:g} to {rules.max_seconds:g} s"


def _length(source: SourceFacts, rules: ReferenceRules) -> Problem | None:
    allowed = _allowed_length(rules)
    if source.seconds < rules.min_seconds:
        figure = f"{source.seconds:.1f} s"
        return Problem(
            "too_short",
            f"{figure} of sound; {allowed} are needed",
            measured=figure,
            allowed=allowed,
            hint="record more speech of the same person in the same room",
        )
    if source.seconds > rules.max_seconds + rules.codec_padding_seconds:
        figure = f"more than {rules.max_seconds:g} s" if source.reached_limit else f"{source.seconds:.1f} s"
        return Problem(
            "too_long",
            f"{figure} of sound; {allowed} are allowed",
            measured=figure,
            allowed=allowed,
            hint="keep the cleanest minutes and cut the rest; or let it be cut by `trim: [0:10, 3:00]` on the talent in"
            " the project file, or `trim: true` for its first five minutes",
        )
    return None


def _declared(source: SourceFacts, rules: ReferenceRules) -> Problem | None:
    if source.declared_seconds is None or source.reached_limit:
        return None
    tolerance = max(rules.length_tolerance_seconds, rules.length_tolerance_share * source.seconds)
    if abs(source.declared_seconds - source.seconds) <= tolerance:
        return None
    return Problem(
        "length_mismatch",
        f"the header claims {source.declared_seconds:.1f} s and {source.seconds:.1f} s could be decoded: "
        "the file is cut off or its header is wrong",
        measured=f"{source.seconds:.1f} s decoded, {source.declared_seconds:.1f} s claimed",
        allowed=f"a difference of {tolerance:.1f} s",
        hint="copy the file again from its source, or export it again",
    )


def _damage(source: SourceFacts, rules: ReferenceRules) -> Problem | None:
    share = source.packet_errors / max(1, source.packets)
    if share <= rules.max_packet_error_share:
        return None
    return Problem(
        "damaged",
        f"{source.packet_errors} of {source.packets} packets are damaged",
        measured=f"{share:.1%} of the packets",
        allowed=f"{rules.max_packet_error_share:.1%}",
        hint="copy the file again from its source, or export it again",
    )


def _loudness(levels: Levels, rules: ReferenceRules) -> Problem | None:
    if levels.lufs is not None and levels.lufs >= rules.min_lufs:
        return None
    silent = levels.lufs is None
    return Problem(
        "silent" if silent else "too_quiet",
        "there is no sound in the recording" if silent else f"the recording is too quiet: {levels.lufs:.1f} LUFS",
        measured="silence" if silent else f"{levels.lufs:.1f} LUFS",
        allowed=f"{rules.min_lufs:g} LUFS or louder",
        hint="record closer to the microphone; raising the level afterwards raises the noise too",
    )


def _silence(levels: Levels, rules: ReferenceRules) -> Problem | None:
    share = round(levels.silence_share, 2)
    if levels.lufs is None or share < rules.max_silence_share:
        return None
    return Problem(
        "too_much_silence",
        f"{share:.0%} of the recording is silence",
        measured=f"{share:.0%}",
        allowed=f"less than {rules.max_silence_share:.0%}",
        hint="cut the pauses, or record a passage that is read without long breaks",
    )


def _clipping(levels: Levels, rules: ReferenceRules) -> Problem | None:
    if levels.clipping_share <= rules.max_clipping_share:
        return None
    return Problem(
        "clipped",
        f"{levels.clipping_share:.2%} of the samples are cut off at full scale",
        measured=f"{levels.clipping_share:.2%}",
        allowed=f"{rules.max_clipping_share:.2%}",
        hint="record again at a lower input level; lowering the file's level afterwards does not help",
    )


def _cancellation(source: SourceFacts) -> Problem | None:
    if source.cancelled_db <= MAX_CANCELLED_DB:
        return None
    return Problem(
        "channels_cancel",
        f"left and right cancel each other: mixed to mono the sound loses {source.cancelled_db:.0f} dB",
        measured=f"{source.cancelled_db:.0f} dB",
        allowed=f"{MAX_CANCELLED_DB:g} dB",
        hint="reverse the polarity of one channel, or export one of the two",
    )
