"""The limits that takes are held to, and where each comes from."""

from dataclasses import dataclass
from typing import Final

SECONDS_A_TAKE: Final = 60
"""Of computing: ten minutes of sound take half of it."""


@dataclass(frozen=True)
class Limits:
    """Limits of the checks. The defaults were set on takes of one seed and tested on another (docs/quality.md)."""

    shortest: float = 0.5
    """Of the expected length; half as long is the fastest anybody speaks."""
    longest: float = 2.5
    slack_seconds: float = 0.5
    """Added to the longest: a bark may be drawn out."""
    silence_share: float = 0.75
    leading_seconds: float = 1.0
    trailing_seconds: float = 1.5
    gap_seconds: float = 2.0
    """Between sounds; the pauses that the text asks for come on top."""
    clipped_share: float = 0.002
    flat_share: float = 0.02
    """Of all samples within a tenth of the peak; clean speech stays below 0.005."""
    true_peak_dbtp: float = 3.0
    """Above full scale: lossy coding overshoots by one or two."""
    quietest_lufs: float = -45.0
    """A whisper reaches -40."""
    loudest_lufs: float = -7.0
    ending_db: float = 25.0
    """How far the last 30 ms lie below the loud parts: what was cut off ends in the middle of a sound."""
    mean_misfit: float = 68.0
    """Over all words, in the acoustic model's units; see `alignment.AlignedWord`."""
    word_misfit: float = 145.0
    """Of the one word that fits worst."""
    phone_misfit: float = 85.0
    """Four phones of five have to lie below it."""
    few_phones: int = 12
    few_phones_misfit: float = 112.0
    """The same for a bark of less than `few_phones`."""
    extra_seconds: float = 0.8
    """Sound that belongs to no word."""
    word_error_rate: float = 0.34
    least_wrong_words: int = 2
    likeness_margin: float = 0.12
    """How far a take may fall behind how near it should come to the voice's other takes (`likeness.usual_nearness`)."""
    short_likeness_margin: float = 0.20
    """The same for a take of less than one window of the encoder (`voiceprint.SHORTEST_SECONDS`)."""
    most_apart: float = 2.0
    """A voice's takes count as so many times as far apart as usual at most: one of another may be among them."""
    pitch_semitones: float = 1.5
    """Nearer than that a take always lies to its voice in pitch: listeners tell two voices by pitch from 1.95 semitones
    on (Gaudrain and Baskent, Ear and Hearing 39(2), 2018)."""
    pitch_spreads: float = 1.7
    """Beyond that, so many times as far as the voice's takes lie apart; more where few takes are known."""
    usual_spread: float = 1.0
    """How far a voice's takes lie apart in semitones before any is known."""
    usual_takes: float = 2.0
    """So many takes count as much as what is usual does, in pitch and in likeness."""
    short_spread: float = 0.5
    """What a take's pitch may be off by for its shortness: so many semitones, divided by its voiced seconds."""
    exclaimed_semitones: float = 1.0
    """So much higher may a text be said that ends a sentence in an exclamation mark."""
