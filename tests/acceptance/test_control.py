"""A run on a whole stack is paused, resumed and cancelled in the middle: nothing more begins once that is answered.

How long the answer takes is measured by `make bench`, beside what else a machine is doing.
"""

from pathlib import Path
from typing import Any

import httpx

from tests.support.stack import UNHEARD, RunningStack, sheet, write_project

LINES = 120
CALL_SECONDS = 1.5
CAST = (
    f"production: held\nlanguage: en\n{UNHEARD}lines: lines.csv\n"
    "characters:\n  HERALD: {voice: {system: English_Announcer}}\n"
)


def order(stack: RunningStack, run_id: str, what: str) -> Any:
    """Give an order through the API, and return how the run stands in its answer."""
    facts = stack.facts()
    url, headers = f"{facts['api_url']}/v1/runs/{run_id}/{what}", {"Authorization": f"Bearer {facts['api_key']}"}
    answer = httpx.post(url, json={}, headers=headers, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def most_done(status: Any) -> int:
    """Return how many takes may be done where no call begins from now on."""
    return status["takes"]["done"] + status["takes"]["speaking"]


def test_a_run_is_paused_resumed_and_cancelled_in_the_middle(stack: RunningStack, tmp_path: Path) -> None:
    lines = sheet(*((f"held_{n}", "HERALD", f"Line number {n}, never spoken before.") for n in range(LINES)))
    spent, charged = stack.spent(), stack.charged()
    stack.sandbox("options", {"latency_ms": int(CALL_SECONDS * 1000)})
    try:
        run_id = stack.ask("apply", write_project(tmp_path, CAST, lines), "--yes", "--detach")["id"]
        stack.wait(run_id, lambda status: status["takes"]["done"] > 0)
        held = order(stack, run_id, "pause")
        assert held["paused"]["code"] == "run_paused"
        quiet = stack.wait(run_id, lambda status: not status["takes"]["speaking"])
        assert quiet["takes"]["done"] == most_done(held) < LINES
        assert f"callsheet resume {run_id}" in stack.run("status", run_id, "--watch").out
        assert stack.ask("resume")["paused"] is None
        stack.wait(run_id, lambda status: status["takes"]["done"] > quiet["takes"]["done"])
        cancelled = order(stack, run_id, "cancel")
        ended = stack.wait(run_id, lambda status: status["state"] != "running")
    finally:
        stack.sandbox("options", {"latency_ms": 0})
    assert (ended["state"], ended["reason"], ended["held_micros"]) == ("stopped", "cancelled", 0)
    assert ended["takes"]["done"] == most_done(cancelled) < LINES
    assert ended["takes"]["done"] + ended["takes"]["blocked"] == LINES
    assert stack.spent() - spent == stack.charged() - charged
