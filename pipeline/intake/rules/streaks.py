"""When a run asks a person."""

STREAK_TO_PAUSE = 3
"""Lines, or voices, in a row that failed for one cause, each after its own tries, that pause a run."""
