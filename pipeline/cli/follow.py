"""Watching a run: a live bar on a terminal, one line a step off it. What it shows comes from the rows alone."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from pipeline.cli.client import Client
from pipeline.cli.console import say, talk
from pipeline.errors import EnvironmentFault, ProviderFundsMissing, ProviderKeyRefused
from pipeline.ledger.money import dollars

Json = dict[str, Any]
POLL_SECONDS = 0.3
STEP_SECONDS = 5.0
"""Off a terminal a line is written when something has changed, but no more often than this."""
PACE_SECONDS = 20.0
"""The while whose pace tells how long the rest will take."""
PATIENCE_SECONDS = 30.0
"""How long the API may be away, say while it restarts, before watching is given up."""
PAUSE_SECONDS = 8.0
"""How long an account may be refused before watching ends: longer than it takes to see that it was topped up."""
REFUSALS = (ProviderFundsMissing.code, ProviderKeyRefused.code)
"""Pauses that wait for a person."""


def follow(client: Client, run_id: str) -> Json:
    """Watch a run to its end, or until it waits for a person, and return its last status."""
    return _follow_live(client, run_id) if talk.is_terminal else _follow_plainly(client, run_id)


def eta_seconds(status: Json) -> float | None:
    """Estimate the seconds left from the takes this run has finished so far; None before the first."""
    done: int = status["takes"]["done"]
    return float(status["elapsed_seconds"]) / done * _left(status) if done else None


class Eta:
    """Estimates the seconds left from the pace of the last while; from the whole run where it has just begun."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def seconds(self, status: Json) -> float | None:
        """Return the estimate; None where nothing has been finished lately."""
        now, done = float(status["elapsed_seconds"]), int(status["takes"]["done"])
        self._seen.append((now, done))
        while now - self._seen[0][0] > PACE_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        if now - since < PACE_SECONDS / 4:
            return eta_seconds(status)
        return (now - since) / (done - before) * _left(status) if done > before else None


class Standstill:
    """Measures for how long a run has waited for a person: since it was first refused and nothing came of it."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._made = 0

    def seconds(self, status: Json) -> float:
        """Return how long it has been; 0 while it moves."""
        made = int(status["spent_micros"])
        if made != self._made:
            self._made, self._since = made, None
        # Between two refusals the account is tried: a moment without one is no progress.
        if self._since is None and _is_refused(status):
            self._since = time.monotonic()
        return 0.0 if self._since is None or not _is_refused(status) else time.monotonic() - self._since


def _left(status: Json) -> int:
    takes: dict[str, int] = status["takes"]
    return takes["total"] - takes["done"] - takes["failed"] - takes["blocked"]


def line(status: Json, eta: float | None) -> str:
    """Say in one line how a run stands; `eta` in seconds where there is an estimate."""
    takes = status["takes"]
    ready = sum(voice["state"] == "ready" for voice in status["voices"])
    bad = takes["failed"] + takes["blocked"]
    parts = [
        f"voices {ready}/{len(status['voices'])}",
        f"takes {takes['done']}/{takes['total']}",
        f"spent {dollars(status['spent_micros'])}",
    ]
    if bad:
        parts.append(f"not spoken {bad}")
    if status.get("paused"):
        parts.append(f"paused: {status['paused']['message']}")
    elif status["state"] == "running" and eta is not None:
        parts.append(f"about {_duration(eta)} left")
    return ", ".join(parts)


def _follow_live(client: Client, run_id: str) -> Json:
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=talk, transient=True) as progress:
        bar = progress.add_task("starting", total=None)
        eta, status = Eta(), Json()
        for status in _statuses(client, run_id):
            takes = status["takes"]
            progress.update(
                bar, completed=takes["done"], total=takes["total"], description=line(status, eta.seconds(status))
            )
    return status


def _follow_plainly(client: Client, run_id: str) -> Json:
    told, told_at = "", 0.0
    eta, status = Eta(), Json()
    for status in _statuses(client, run_id):
        is_over = status["state"] != "running" or _is_refused(status)
        text = line(status, eta.seconds(status))
        if text != told and (is_over or not told or time.monotonic() - told_at >= STEP_SECONDS):
            say(f"{status['elapsed_seconds']:6.1f} s  {text}")
            told, told_at = text, time.monotonic()
    return status


def _statuses(client: Client, run_id: str) -> Iterator[Json]:
    heard_at, standstill = time.monotonic(), Standstill()
    while True:
        try:
            status = client.get(f"/runs/{run_id}")
        except EnvironmentFault:
            if time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
        else:
            heard_at = time.monotonic()
            yield status
            if status["state"] != "running" or standstill.seconds(status) > PAUSE_SECONDS:
                return
        time.sleep(POLL_SECONDS)


def _is_refused(status: Json) -> bool:
    return bool(status.get("paused")) and status["paused"]["code"] in REFUSALS


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - up to there seconds read better
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
