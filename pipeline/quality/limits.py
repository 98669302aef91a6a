"""The limits that takes are held to, and where each comes from."""

from dataclasses import dataclass


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
    mean_misfit: float = 75.0
    """Over all words, in the acoustic model's units; see `alignment.AlignedWord`."""
    word_misfit: float = 125.0
    """Of the one word that fits worst."""
    extra_seconds: float = 0.8
    """Sound that belongs to no word."""
    word_error_rate: float = 0.34
    least_wrong_words: int = 2
    likeness: float = 0.80
    short_likeness: float = 0.70
    """For takes below `long_enough_seconds`, whose embeddings scatter."""
    long_enough_seconds: float = 3.0
