"""The waiting provider as a measure uses it: started, told its terms, and asked what it has seen."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import httpx

from benchmarks.ground.upstream import Terms
from tests.support.recordings import mp3_bytes, speech_like
from tests.support.stack import ROOT

LINE_SECONDS = 3
"""A usual line of dialogue: 48 kB of MP3."""


@dataclass(frozen=True)
class Calls:
    """What a provider has seen under its terms."""

    terms: Terms
    begun: Sequence[float]
    ended: Sequence[float]
    held_seconds: float
    peak: int
    refused: int

    @cached_property
    def span(self) -> float:
        """Return the seconds from the first call's begin to the last one's end."""
        return max(self.ended) - min(self.begun)

    @property
    def per_second(self) -> float:
        """Return the calls a second that were answered."""
        return len(self.ended) / self.span

    @property
    def share(self) -> float:
        """Return the share of the slots that was in use, from the first call to the last."""
        return self.held_seconds / (self.terms.concurrent * self.span)

    @property
    def pace_share(self) -> float:
        """Return the share of the calls a minute that was used, from the first call's begin to the last one's."""
        between = max(self.begun) - min(self.begun)
        return (len(self.begun) - 1) / between * 60 / self.terms.per_minute

    @property
    def lateness(self) -> float:
        """Return by how much the provider itself was slower than its latency, as a share: the machine was full."""
        return self.held_seconds / len(self.ended) / self.terms.latency_seconds - 1


@dataclass(frozen=True)
class Upstream:
    """The running provider."""

    url: str
    pid: int

    def begin(self, terms: Terms) -> None:
        """Let it forget what was and serve by these terms."""
        httpx.post(f"{self.url}/__stub__/terms", json=asdict(terms), timeout=30).raise_for_status()

    def calls(self, terms: Terms) -> Calls:
        """Return what it has seen since it began to serve by these terms."""
        told = httpx.get(f"{self.url}/__stub__/calls", timeout=30).raise_for_status().json()
        return Calls(terms, told["begun"], told["ended"], told["held_seconds"], told["peak"], told["refused"])


@contextlib.contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Run a provider for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
        spoken = Path(folder) / "line.mp3"
        spoken.write_bytes(mp3_bytes(speech_like(LINE_SECONDS, 44_100)))
        command = [sys.executable, "-m", "benchmarks.ground.upstream", str(spoken)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                yield Upstream(f"http://127.0.0.1:{port}", process.pid)
            finally:
                process.terminate()
