"""Virtual time: nothing waits, and the same seed sees the same hours go by."""

from dataclasses import dataclass

START_MS = 1_767_225_600_000
"""Milliseconds since 1970 at which every history begins."""
UNIX_EPOCH_JULIAN_DAY = 2440587.5
DAY_MS = 86_400_000


@dataclass
class Clock:
    """Milliseconds since the history began; the database's clock may be set forward and back, this one never is."""

    now: int = 0
    offset: int = 0
    """How far the database's clock is ahead."""

    @property
    def database_ms(self) -> int:
        """The database's time in milliseconds since 1970."""
        return START_MS + self.now + self.offset

    @property
    def julian_day(self) -> float:
        """The database's time as SQLite's julianday('now') tells it."""
        # Half a millisecond more: a day's fraction in a double is cut down to whole milliseconds by the query.
        return UNIX_EPOCH_JULIAN_DAY + (self.database_ms + 0.5) / DAY_MS
