"""Named points at which a test ends or stops this process, to prove what a crash there leaves behind.

`CALLSHEET_CRASH=<point>[:<n>]` acts at the n-th pass, `CALLSHEET_CRASH=@<file>` at the point the file names, once:
the file is removed first, so that the process which takes over runs through. A plain point is killed with SIGKILL;
`zombie`, `broker_lost`, `db_lost` and `clock_jump` are stopped with SIGSTOP, for the test to do its part and go on.
"""

import os
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import get_ident

from pipeline.errors import EnvironmentFault

VARIABLE = "CALLSHEET_CRASH"
PERMISSION = "CALLSHEET_TESTING"
POINTS = (
    "before_intent",
    "intent_committed",
    "before_sending_commit",
    "sending_committed",
    "bytes_sent",
    "response_read",
    "in_result_tx",
    "result_committed",
    "hearing",
    "in_reconcile",
    "reconcile_tx",
    "zombie",
    "broker_lost",
    "db_lost",
    "clock_jump",
)
STOPS = frozenset({"zombie", "broker_lost", "db_lost", "clock_jump"})
"""Points where the process is to go on after something has happened to the world."""

_passes: Counter[str] = Counter()


def refuse_outside_tests(environment: Mapping[str, str] = os.environ) -> None:
    """Raise `EnvironmentFault` where a crash is ordered outside a test, or at a point that does not exist."""
    ordered = environment.get(VARIABLE)
    if not ordered:
        return
    if environment.get(PERMISSION) != "1":
        raise EnvironmentFault(
            f"{VARIABLE} is set: this process would kill itself in the middle of a paid call.",
            hint=f"Unset {VARIABLE}; it is for the tests alone, which also set {PERMISSION}=1.",
        )
    if not ordered.startswith("@") and ordered.partition(":")[0] not in POINTS:
        raise EnvironmentFault(f"{VARIABLE} names no crash point: {ordered!r}.", hint=f"Points: {', '.join(POINTS)}.")


def here(point: str) -> None:
    """Pass a crash point: nothing happens unless a test has ordered a crash here."""
    ordered = os.environ.get(VARIABLE)
    if ordered and os.environ.get(PERMISSION) == "1" and _is_due(ordered, point):
        # Sent to the process a stop is taken up by any of its threads, and this one goes on until that one runs.
        signal.pthread_kill(get_ident(), signal.SIGSTOP if point in STOPS else signal.SIGKILL)


def _is_due(ordered: str, point: str) -> bool:
    if ordered.startswith("@"):
        return _disarm(Path(ordered[1:]), point)
    named, _, count = ordered.partition(":")
    if named != point:
        return False
    _passes[point] += 1
    return _passes[point] == int(count or 1)


def _disarm(armed: Path, point: str) -> bool:
    try:
        if armed.read_text().strip() != point:
            return False
        armed.unlink()
    except FileNotFoundError:
        return False  # another thread was here first
    return True
