"""Watching a run: a live bar on a terminal, one line a step off it. What it shows comes from the rows alone."""

import time
from collections.abc import Iterator
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from pipeline.cli.client import Client
from pipeline.cli.console import say, talk
from pipeline.errors import (
    EnvironmentFault,
    NotFound,
    ProviderFundsMissing,
    ProviderKeyRefused,
    RunPaused,
    SystemicFailure,
)
from pipeline.ledger.money import dollars

Json = dict[str, Any]
POLL_SECONDS = 0.3
STEP_SECONDS = 5.0
"""Off a terminal a line is written when something has changed, but no more often than this."""
PATIENCE_SECONDS = 30.0
"""How long the API may be away, say while it restarts, before watching is given up."""
PAUSE_SECONDS = 8.0
"""How long an account may be refused before watching ends: longer than it takes to see that it was topped up."""
REFUSALS = (ProviderFundsMissing.code, ProviderKeyRefused.code)
"""Pauses that wait for a person, and end by themselves once the account is in order."""
HELD_UP = (RunPaused.code, SystemicFailure.code)
"""Pauses that end when a person resumes the run."""


def follow(client: Client, run_id: str) -> Json:
    """Watch a run to its end, or until it waits for a person, and return its last status."""
    return _follow_live(client, run_id) if talk.is_terminal else _follow_plainly(client, run_id)


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


def line(status: Json) -> str:
    """Say in one line how a run stands."""
    takes, eta = status["takes"], status["eta_seconds"]
    ready = sum(voice["state"] == "ready" for voice in status["voices"])
    bad = takes["failed"] + takes["blocked"]
    parts = [
        f"voices {ready}/{len(status['voices'])}",
        f"takes {takes['done']}/{takes['total']}",
        f"spent {dollars(status['spent_micros'])}",
    ]
    if bad:
        parts.append(f"not spoken {bad}")
    if to_hear := (status.get("heard") or {}).get("due"):
        parts.append(f"to hear {to_hear}")
    if status.get("paused"):
        parts.append(f"paused: {status['paused']['message']}")
    elif status["state"] == "running" and eta is not None:
        rate = (
            [_rate(status["takes_per_second"])] if status["takes_per_second"] and takes["done"] < takes["total"] else []
        )
        parts += [*rate, f"about {_duration(eta)} left"]
    if status.get("slowed"):
        parts.append(_slowed(status["slowed"]))
    return ", ".join(parts)


def _follow_live(client: Client, run_id: str) -> Json:
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=talk, transient=True) as progress:
        bar = progress.add_task("starting", total=None)
        status = Json()
        for status in _statuses(client, run_id):
            takes = status["takes"]
            progress.update(bar, completed=takes["done"], total=takes["total"], description=line(status))
    return status


def _follow_plainly(client: Client, run_id: str) -> Json:
    told, told_at = "", 0.0
    status = Json()
    for status in _statuses(client, run_id):
        is_over = status["state"] != "running" or _is_refused(status) or _waits(status)
        text = line(status)
        if text != told and (is_over or not told or time.monotonic() - told_at >= STEP_SECONDS):
            say(f"{status['elapsed_seconds']:6.1f} s  {text}")
            told, told_at = text, time.monotonic()
    return status


def _statuses(client: Client, run_id: str) -> Iterator[Json]:
    """Yield how a run stands until it is over or waits for a person; the API may be away for a while."""
    heard_at, standstill = time.monotonic(), Standstill()
    while True:
        try:
            for status in _told(client, run_id):
                heard_at = time.monotonic()
                yield status
                if status["state"] != "running" or _waits(status) or standstill.seconds(status) > PAUSE_SECONDS:
                    return
        except EnvironmentFault:
            if time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
        time.sleep(POLL_SECONDS)


def _told(client: Client, run_id: str) -> Iterator[Json]:
    """Listen to the run's events; where they do not get through, as behind some proxies, ask once."""
    heard = False
    try:
        for status in client.events(f"/runs/{run_id}/events"):
            heard = True
            yield status
    except (EnvironmentFault, NotFound):
        if heard:
            raise
        yield client.get(f"/runs/{run_id}")


def _waits(status: Json) -> bool:
    """Tell whether a run is paused, and what was under way when it was has come to its end."""
    return is_held_up(status) and not status["takes"]["speaking"]


def is_held_up(status: Json) -> bool:
    """Tell whether a run goes on only when a person resumes it."""
    return bool(status.get("paused")) and status["paused"]["code"] in HELD_UP


def _is_refused(status: Json) -> bool:
    return bool(status.get("paused")) and status["paused"]["code"] in REFUSALS


def _slowed(slow: Json) -> str:
    if slow["cooldown_seconds"]:
        return "cooling down"
    return f"{slow['learnt_share']:.0%} of the pace allowed"


def _rate(takes_per_second: float) -> str:
    if takes_per_second < 1:
        return f"{takes_per_second * 60:.1f} a minute"
    return f"{takes_per_second:.1f} a second"


def _duration(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - up to there seconds read better
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
