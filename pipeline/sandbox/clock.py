"""The clock the sandbox lives by: the machine's, moved on by whoever tests a deadline."""

import time


class VirtualClock:
    """Wall time plus an offset in seconds that only grows."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.offset

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, as the ledger stores them."""
        return int(self.now() * 1000)

    def advance(self, seconds: float) -> None:
        """Move on by a number of seconds; the past cannot be revisited."""
        if seconds < 0:
            raise ValueError(f"the clock only moves forward, got {seconds} s")
        self.offset += seconds
