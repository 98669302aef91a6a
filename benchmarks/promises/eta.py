"""What is said of the end after a twentieth of a run is near what comes, and two who watch are told the same."""

import time
from pathlib import Path

from benchmarks.chaos.production import write_production
from benchmarks.promises.report import Report
from tests.support.stack import RunningStack

LINES = 2_000
SHARE = 0.05
LATENCY_MS = 400


def keep(stack: RunningStack, folder: Path, report: Report) -> None:
    """Compare the estimate with the end."""
    stack.sandbox("options", {"latency_ms": LATENCY_MS})
    project = write_production(folder, "steady", lines=LINES, clones=0)
    run = stack.ask("apply", project, "--yes", "--detach")["id"]
    early = stack.wait(run, lambda status: status["takes"]["done"] >= SHARE * LINES and status["eta_seconds"])
    told_at = time.monotonic()
    stack.wait(run, lambda status: status["state"] != "running")
    took = time.monotonic() - told_at
    error = abs(early["eta_seconds"] - took) / took
    report.figures |= {"eta_told_seconds": round(early["eta_seconds"], 1), "eta_real_seconds": round(took, 1)}
    report.below("eta: error of what was said after 5 % of the lines", "eta_error", error, 0.2)
