"""How much of what the provider allows is used, and that it is never asked for more."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.frame.figures import Figure, Size, at_least, at_most
from benchmarks.ground.product import product
from benchmarks.ground.provider import Calls, Upstream
from benchmarks.ground.upstream import Terms
from tests.support.stack import ROOT

WARM_LINES = 24
SECONDS = {Size.QUICK: 15.0, Size.FULL: 60.0}
SCRIPT_PERMITS = 16
"""How many calls at once a script makes that is held back by the pace, not by the slots."""


@dataclass(frozen=True)
class LimitShare:
    """One limit of a provider, with as many lines as fill a while of it."""

    name: str
    terms: Terms
    reach: float
    paced: bool = False
    lines: int | None = None
    """A fixed number of lines, for the full size alone."""
    seconds: float = 45.0

    @property
    def about(self) -> str:
        """Say which limit."""
        terms = self.terms
        limit = f"{terms.per_minute} calls a minute" if self.paced else f"{terms.concurrent} calls in flight"
        much = f", {self.lines:,} lines" if self.lines else ""
        return f"share of {limit} at {terms.latency_seconds * 1000:.0f} ms a call{much}"

    def run(self, size: Size) -> Sequence[Figure]:
        """Fill the limit with the product, and with a script."""
        if self.lines and size is Size.QUICK:
            return ()
        count = self.lines or int(self._per_second * SECONDS[size])
        with product(self.terms) as stage:
            stage.speak("warm", WARM_LINES)
            stage.upstream.begin(self.terms)
            stage.speak("lines", count)
            ours = stage.upstream.calls(self.terms)
            script = self._script(stage.upstream, min(count, int(self._per_second * SECONDS[size])))
        return limit_figures(ours, script, reach=self.reach, paced=self.paced)

    @property
    def _per_second(self) -> float:
        by_slots = self.terms.concurrent / self.terms.latency_seconds
        return min(by_slots, self.terms.per_minute / 60)

    def _script(self, upstream: Upstream, count: int) -> Calls:
        upstream.begin(self.terms)
        permits = SCRIPT_PERMITS if self.paced else self.terms.concurrent
        with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
            numbers = ["0", str(count), str(permits)]
            command = [sys.executable, "-m", "benchmarks.rivals.user_script", upstream.url, folder, *numbers]
            subprocess.run(command, cwd=ROOT, check=True, timeout=900)
        return upstream.calls(self.terms)


def limit_figures(ours: Calls, script: Calls, *, reach: float, paced: bool) -> Sequence[Figure]:
    """Return the share that was used, and that of the script."""
    share, theirs = (calls.pace_share if paced else calls.share for calls in (ours, script))
    return (
        Figure("share", share, against="the limit itself", bar=at_least(reach)),
        Figure("refused", ours.refused, "answers 429", bar=at_most(0)),
        Figure("of_script", share / theirs, against="an asyncio and httpx script"),
        Figure("script_share", theirs),
        Figure("script_refused", script.refused, "answers 429"),
        Figure("lines_per_second", ours.per_second, "1/s"),
        Figure("provider_lateness", ours.lateness, against="its own latency"),
    )


LIMITS = (
    LimitShare("cap1", Terms(0.3, 1), 0.99),
    LimitShare("cap8", Terms(0.3, 8), 0.99),
    LimitShare("cap64", Terms(1.5, 64), 0.99),
    LimitShare("rpm600", Terms(0.3, 64, 600), 0.94, paced=True),
    LimitShare("cap64_10k", Terms(1.5, 64), 0.99, lines=10_000, seconds=60.0),
)
