import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline import crash
from pipeline.errors import EnvironmentFault

PASS_TWICE = "from pipeline import crash; crash.here('bytes_sent'); print('once', flush=True); crash.here('bytes_sent')"

PASS_IN_A_THREAD = """
import os, threading, time
from pipeline import crash

def passing():
    time.sleep(0.2)
    crash.here("zombie")
    os.write(1, b"on")

if hasattr(os, "SCHED_IDLE"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
threading.Thread(target=passing).start()
if hasattr(os, "SCHED_IDLE"):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
time.sleep(60)
"""
"""On one core, as a worker, whose main thread gets no turn while another has something to do."""


def passing(ordered: str, *, testing: str = "1") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, crash.VARIABLE: ordered, crash.PERMISSION: testing}
    return subprocess.run(
        [sys.executable, "-c", PASS_TWICE], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("ordered", "printed"), [("bytes_sent", ""), ("bytes_sent:2", "once\n")])
def test_a_process_is_killed_at_the_pass_that_was_ordered(ordered: str, printed: str) -> None:
    died = passing(ordered)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, printed)


def test_an_armed_file_kills_once_and_is_gone_for_whoever_takes_over(tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    armed.write_text("bytes_sent")
    assert passing(f"@{armed}").returncode == -signal.SIGKILL
    assert not armed.exists()
    assert passing(f"@{armed}").returncode == 0


def test_a_thread_that_stops_its_process_does_not_get_past_the_point_itself() -> None:
    environment = {**os.environ, crash.VARIABLE: "zombie", crash.PERMISSION: "1"}
    with subprocess.Popen([sys.executable, "-c", PASS_IN_A_THREAD], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
                time.sleep(0.01)
            assert select.select([process.stdout], [], [], 0) == ([], [], [])
            process.send_signal(signal.SIGCONT)
            assert process.stdout.read(2) == b"on"
        finally:
            process.kill()


def test_nothing_is_killed_outside_tests() -> None:
    assert passing("bytes_sent", testing="0").returncode == 0


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({crash.VARIABLE: "bytes_sent"}, "would kill itself"),
        ({crash.VARIABLE: "bytes_sent", crash.PERMISSION: "0"}, "would kill itself"),
        ({crash.VARIABLE: "lunch", crash.PERMISSION: "1"}, "'lunch'"),
    ],
)
def test_an_order_that_is_not_a_tests_own_is_refused_at_start(environment: dict[str, str], told: str) -> None:
    with pytest.raises(EnvironmentFault, match=told):
        crash.refuse_outside_tests(environment)


@pytest.mark.parametrize("environment", [{}, {crash.VARIABLE: "zombie", crash.PERMISSION: "1"}])
def test_no_order_and_a_tests_order_are_allowed(environment: dict[str, str]) -> None:
    crash.refuse_outside_tests(environment)
