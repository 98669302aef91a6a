"""The power fails in the middle of a run: the same command finishes it, and nothing that was settled is paid again."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

from benchmarks.chaos.production import write_production
from benchmarks.ground.product import until
from benchmarks.promises.report import Report
from pipeline.settings import load_settings
from tests.support.stack import RunningStack
from workers.stack.control import Stack

LINES, CLONES = 2_000, 4
SHARE = 0.6


def keep(stack: RunningStack, folder: Path, report: Report) -> None:
    """Cut everything off at a share of the lines, start again, and compare what was paid."""
    project = write_production(folder, "resumed", lines=LINES, clones=CLONES)
    run = stack.ask("apply", project, "--yes", "--detach")["id"]
    stack.wait(run, lambda status: status["takes"]["done"] >= SHARE * LINES)
    _cut_power(stack)
    settled = _takes_paid(stack, run)
    report.figures["resume_lines_at_the_cut"] = len(settled)
    status = stack.wait(run, lambda status: bool(status["eta_seconds"]) or status["state"] != "running")
    done = status["takes"]["done"] / status["takes"]["total"]
    report.check("resume: the progress goes on from where it was", done >= SHARE, True)
    stack.ask("apply", project, "--yes")
    status = stack.wait(run, lambda status: status["state"] != "running")
    report.check("resume: how the run has ended", status["state"], "done")
    paid = _takes_paid(stack, run)
    report.check("resume: settled lines paid again", [take for take in settled if paid[take] > settled[take]], [])
    in_flight = sum(paid.values()) - len(paid)
    threads = load_settings(home=stack.home).worker_threads
    report.below("resume: lines paid twice, their answer being cut off", "resume_cut_off", in_flight, threads + 1)
    report.check("resume: our books and the provider's", stack.spent() >= stack.charged(), True)
    report.check("resume: clones charged", _clones(stack), CLONES)


def _cut_power(stack: RunningStack) -> None:
    """Kill every process of ours at once; the provider's machine is another one."""
    supervisor = Stack(load_settings(home=stack.home)).state().pid
    parts = json.loads((stack.home / "run" / "parts.json").read_text()).values()
    for pid in [supervisor, *(part["pid"] for part in parts if part["name"] != "sandbox")]:
        if pid:
            os.kill(pid, signal.SIGKILL)
    until(lambda: stack.run("up").code == 0, "the stack is up again", seconds=60)


def _takes_paid(stack: RunningStack, run: str) -> Counter[str]:
    rows = stack.ask("ledger", "--run", run)["transfers"]
    return Counter(row["subject"] for row in rows if row["kind"] == "speech")


def _clones(stack: RunningStack) -> int:
    return sum(1 for charge in stack.sandbox("ledger")["charges"] if charge["operation"] == "voice-clone")
