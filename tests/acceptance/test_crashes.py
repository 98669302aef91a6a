"""Parts die in the middle of a run; the run goes on and nothing settled is paid or spoken twice."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import CAST, RunningStack, one_voice, running_stack, sheet, write_project

MARA = CAST / "references" / "mara.mp3"
LINES = 40
THREADS = 16


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack these tests may break."""
    with running_stack(CALLSHEET_SANDBOX_ENGINE="tone") as running:
        yield running


def rows(production: str, count: int = LINES) -> str:
    return sheet(
        *[
            (f"{production}_{n}", "HERALD" if n % 2 else "HERO", f"Line number {n} of {production}.")
            for n in range(count)
        ]
    )


def is_speaking(done: int) -> Callable[[Any], bool]:
    """Its voices are made, and this many of its takes are done."""
    return lambda status: status["takes"]["done"] >= done and all(v["state"] == "ready" for v in status["voices"])


def start(stack: RunningStack, folder: Path, production: str, recording: bytes | Path = MARA) -> str:
    project = write_project(folder, one_voice(production), rows(production), {"references/mara.mp3": recording})
    run_id: str = stack.ask("apply", project, "--yes", "--detach")["id"]
    return run_id


def test_a_killed_worker_is_restarted_and_the_run_completes_without_paying_for_settled_takes_again(
    own: RunningStack, tmp_path: Path
) -> None:
    run_id = start(own, tmp_path, "killed")
    own.wait(run_id, is_speaking(8))
    done_before = own.ask("ledger", "--run", run_id)["transfers"]
    own.kill("worker")
    status = own.wait(run_id, lambda status: status["state"] != "running")
    assert status["state"] == "done"
    assert status["takes"]["done"] == status["takes"]["total"] == LINES + 1
    paid = Counter(row["subject"] for row in own.ask("ledger", "--run", run_id)["transfers"] if row["kind"] == "speech")
    assert all(paid[row["subject"]] == 1 for row in done_before if row["kind"] == "speech")
    assert sum(paid.values()) - len(paid) <= THREADS
    assert own.spent() >= own.charged()
    assert status["held_micros"] == 0


def test_a_killed_broker_loses_messages_but_no_line(own: RunningStack, tmp_path: Path) -> None:
    run_id = start(own, tmp_path, "broker")
    own.wait(run_id, is_speaking(5))
    own.kill("valkey")
    status = own.wait(run_id, lambda status: status["state"] != "running")
    assert status["state"] == "done"
    assert status["takes"]["done"] == LINES


@pytest.mark.parametrize("part", ["api", "sweeper", "storage"])
def test_any_other_part_may_be_killed_too(own: RunningStack, tmp_path: Path, part: str) -> None:
    run_id = start(own, tmp_path, f"without_{part}")
    own.wait(run_id, is_speaking(3))
    own.kill(part)
    status = own.wait(run_id, lambda status: status["state"] != "running")
    assert status["state"] == "done", status["failures"]


def test_ctrl_c_stops_watching_and_not_the_run(own: RunningStack, tmp_path: Path) -> None:
    project = write_project(tmp_path, one_voice("watched"), rows("watched", 20), {"references/mara.mp3": MARA})
    command = own.start("apply", project, "--yes")
    told = ""
    assert command.stderr is not None
    while "takes" not in told:
        told += command.stderr.readline()
    command.send_signal(signal.SIGINT)
    _, rest = command.communicate(timeout=30)
    assert command.returncode == 130, rest
    run_id = own.ask("status")["id"]
    assert f"callsheet status {run_id} --watch" in rest
    assert own.wait(run_id, lambda status: status["state"] != "running")["state"] == "done"
