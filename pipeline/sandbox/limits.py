"""Requests a minute and calls in flight, as the caller's tier has them.

In memory on purpose: the server is one process, and a window of a minute means nothing after a restart. Requests
are counted over a sliding window. Only calls that run a model count; reading a balance or a price does not
(assumed).
"""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.sandbox.errors import rate_limited
from pipeline.sandbox.prices import Model
from pipeline.sandbox.tiers import Tier

WINDOW_S = 60.0


class Limiter:
    """Counts for every user. Touched from the event loop only."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._windows: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._in_flight: Counter[tuple[str, str]] = Counter()

    def count_request(self, user: str, tier: Tier) -> None:
        """Count a request against the user's requests a minute, or refuse it."""
        self._count((user, ""), tier.rpm, "")

    def count_calls(self, user: str, scope: str, limit: int) -> None:
        """Count a call of one sort, named `scope`, against `limit` a minute, or refuse it."""
        self._count((user, scope), limit, f" for {scope}")

    def used(self, user: str) -> int:
        """Return how many requests the user made in the last minute."""
        return len(self._live((user, "")))

    @contextmanager
    def slot(self, user: str, tier: Tier, model: Model) -> Iterator[None]:
        """Hold one of the user's calls in flight at the model's provider, or refuse."""
        here, everywhere = (user, model.provider), (user, "")
        self._check_flight(here, tier.audio, f" to {model.provider}")
        self._check_flight(everywhere, tier.audio_total, "")
        self._count((user, model.id), tier.model_rpm, f" for {model.id}")
        self._in_flight.update((here, everywhere))
        try:
            yield
        finally:
            self._in_flight.subtract((here, everywhere))

    def in_flight(self) -> dict[str, int]:
        """Return calls in flight by `user/provider`."""
        return {f"{user}/{provider}": n for (user, provider), n in self._in_flight.items() if provider and n}

    def forget(self) -> None:
        """Start all windows anew; calls in flight stay counted."""
        self._windows.clear()

    def _live(self, key: tuple[str, str]) -> deque[float]:
        window = self._windows[key]
        oldest = self._now() - WINDOW_S
        while window and window[0] <= oldest:
            window.popleft()
        return window

    def _count(self, key: tuple[str, str], limit: int, scope: str) -> None:
        window = self._live(key)
        if len(window) >= limit:
            wait = max(1, math.ceil(window[0] + WINDOW_S - self._now()))
            raise rate_limited(
                f"Rate limit exceeded ({limit} requests/minute{scope}). Try again in a few seconds.", wait
            )
        window.append(self._now())

    def _check_flight(self, key: tuple[str, str], limit: int, scope: str) -> None:
        if self._in_flight[key] >= limit:
            raise rate_limited(
                f"Too many audio requests in flight{scope} (limit {limit}). Try again when one has finished.",
                retry_after_s=1,
                code="too_many_concurrent_requests",
            )
