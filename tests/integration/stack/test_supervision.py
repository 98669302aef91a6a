"""The supervisor, with stand-ins for the parts."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.errors import EnvironmentFault
from workers.stack.control import Stack
from workers.stack.parts.recipe import Recipe
from workers.stack.ports import Ports
from workers.stack.probes import FileProbe

PATIENCE = 15.0


@pytest.fixture
def port(tmp_path: Path) -> int:
    return Ports(tmp_path / "unused.json").choose("any")


def until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.01)
    pytest.fail(f"not within {PATIENCE} s: {what}")


def kill(pid: int | None) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_up_returns_when_every_part_is_ready_and_down_leaves_nothing(
    stack: Callable[..., Stack],
    server: Callable[..., Recipe],
    port: int,
    running: Callable[[], list[psutil.Process]],
    home: Path,
) -> None:
    reported: list[str] = []
    state = stack(server(port)).up(report=reported.append)
    assert state.ready
    assert psutil.Process(state.part("server").pid).is_running()
    assert any("server ready" in line for line in reported)
    assert not stack(server(port)).down().running
    assert running() == []
    assert not (home / "run" / "parts.json").exists()


def test_a_second_up_changes_nothing_and_is_fast(
    stack: Callable[..., Stack], server: Callable[..., Recipe], port: int
) -> None:
    first = stack(server(port)).up()
    started = time.monotonic()
    second = stack(server(port)).up()
    assert time.monotonic() - started < 0.2
    assert second == first


def test_two_ups_at_once_start_one_supervisor(
    home: Path, running: Callable[[], list[psutil.Process]], ended: Callable[[Path], None]
) -> None:
    text = (
        "import sys; from pathlib import Path\n"
        "from pipeline.settings import load_settings; from workers.stack.control import Stack\n"
        "from workers.stack.parts.broker import Valkey\n"
        "print(Stack(load_settings(home=Path(sys.argv[1])), recipes=[Valkey()]).up().pid)"
    )
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", text, str(home)]
    twins = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}) for _ in range(2)
    ]
    pids = {twin.communicate(timeout=PATIENCE)[0].strip() for twin in twins}
    assert len(pids) == 1
    assert sum("supervisor" in " ".join(process.info["cmdline"]) for process in running()) == 1
    ended(home)


def test_a_killed_part_is_started_again_at_once(
    stack: Callable[..., Stack], server: Callable[..., Recipe], port: int
) -> None:
    here = stack(server(port))
    first = here.up().part("server")
    kill(first.pid)
    started = time.monotonic()
    again = until(lambda: (part := here.state().part("server")).ready and part.pid != first.pid and part, "restart")
    assert time.monotonic() - started < 2
    assert again.restarts == 1
    assert again.last_exit == -signal.SIGKILL


def test_the_hook_is_told_which_process_of_which_part_died(
    stack: Callable[..., Stack],
    server: Callable[..., Recipe],
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
) -> None:
    (tmp_path / "undertaker.py").write_text(
        "import os, pathlib\n"
        "def bury(part, pid): pathlib.Path(os.environ['CALLSHEET_HOME'], 'grave').write_text(f'{part} {pid}')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pid = stack(server(port), on_death="undertaker:bury").up().part("server").pid
    kill(pid)
    assert until(lambda: (home / "grave").exists() and (home / "grave").read_text(), "hook")
    assert (home / "grave").read_text() == f"server {pid}"


def test_parts_start_after_what_they_need_and_stop_before_it(
    stack: Callable[..., Stack], diarist: Callable[..., Recipe], journal: Path
) -> None:
    broker = diarist("broker")
    worker = diarist("worker", starts_after=("broker",), stops_before=("sandbox",))
    here = stack(worker, broker, diarist("sandbox"))
    here.up()
    here.down()
    lines = journal.read_text().splitlines()
    assert lines.index("broker started") < lines.index("worker started")
    assert lines.index("worker stopped") < lines.index("broker stopped")
    assert lines.index("worker stopped") < lines.index("sandbox stopped")


def test_parts_wait_for_a_step_that_runs_once(
    stack: Callable[..., Stack], script: Callable[..., Any], diarist: Callable[..., Recipe], journal: Path
) -> None:
    step = script("migrate", f"open({str(journal)!r}, 'a').write('migrated\\n')")
    state = stack(diarist("worker", starts_after=("migrate",)), step).up()
    assert state.part("migrate").pid is None
    assert journal.read_text().splitlines() == ["migrated", "worker started"]


def test_a_part_that_does_not_start_is_named_with_its_log_and_the_fix(
    stack: Callable[..., Stack],
    script: Callable[..., Any],
    diarist: Callable[..., Recipe],
    running: Callable[[], list[psutil.Process]],
) -> None:
    broken = script("migrate", "raise SystemExit('no such table: takes')", fix="Look at the database.")
    with pytest.raises(EnvironmentFault, match="no such table: takes") as caught:
        stack(broken, diarist("worker")).up()
    assert "migrate ended with 1" in caught.value.message
    assert "Look at the database." in caught.value.hint
    assert "migrate.log" in caught.value.hint
    assert running() == []


def test_a_service_is_given_three_starts(
    stack: Callable[..., Stack], script: Callable[..., Any], tmp_path: Path
) -> None:
    counter = tmp_path / "starts"
    text = f"open({str(counter)!r}, 'a').write('x')\nraise SystemExit(3)"
    with pytest.raises(EnvironmentFault, match="ended with 3"):
        stack(script("api", text, FileProbe(str(tmp_path / "never")))).up()
    assert len(counter.read_text()) >= 3


def test_a_part_that_is_never_ready_is_named_when_time_is_up(
    stack: Callable[..., Stack], script: Callable[..., Any], tmp_path: Path, running: Callable[[], list[psutil.Process]]
) -> None:
    probe = FileProbe(str(tmp_path / "never"))
    sleeper = script("api", "print('thinking', flush=True)\nimport signal; signal.pause()", probe)
    with pytest.raises(EnvironmentFault, match=r"api was not ready within 1 s\n.*thinking"):
        stack(sleeper).up(timeout=1.0)
    assert running() == []


def test_a_program_that_is_missing_is_an_answer_not_a_traceback(
    stack: Callable[..., Stack], script: Callable[..., Any]
) -> None:
    missing = script("api", "", FileProbe("/nonexistent/ready"))
    missing.program = "/nonexistent/program"
    with pytest.raises(EnvironmentFault, match="/nonexistent/program cannot be started"):
        stack(missing).up()


def test_a_part_that_ignores_sigterm_is_killed_after_its_grace(
    stack: Callable[..., Stack], script: Callable[..., Any], tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    text = (
        "import pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\nwhile True: signal.pause()"
    )
    here = stack(script("mule", text, FileProbe(str(ready)), grace=0.3))
    here.up()
    started = time.monotonic()
    here.down()
    assert 0.3 <= time.monotonic() - started < 3


def test_what_a_killed_supervisor_left_running_is_ended_by_the_next_start(
    stack: Callable[..., Stack],
    server: Callable[..., Recipe],
    port: int,
    supervisor_pid: Callable[[], int],
    running: Callable[[], list[psutil.Process]],
) -> None:
    here = stack(server(port))
    orphan = here.up().part("server").pid
    kill(supervisor_pid())
    state = until(lambda: not (now := here.state()).running and now, "the supervisor's end")
    assert [part.pid for part in state.parts] == [orphan]
    reported: list[str] = []
    assert here.up(report=reported.append).part("server").pid != orphan
    assert "ending what a killed supervisor left running: server" in reported
    assert len([p for p in running() if str(port) in p.info["cmdline"]]) == 1


def test_down_ends_what_a_killed_supervisor_left_running(
    stack: Callable[..., Stack],
    server: Callable[..., Recipe],
    port: int,
    supervisor_pid: Callable[[], int],
    running: Callable[[], list[psutil.Process]],
) -> None:
    here = stack(server(port))
    here.up()
    kill(supervisor_pid())
    until(lambda: not here.state().running, "the supervisor's end")
    here.down()
    assert running() == []


def test_a_stranger_with_a_recorded_pid_is_not_touched(
    stack: Callable[..., Stack], server: Callable[..., Recipe], port: int, home: Path, supervisor_pid: Callable[[], int]
) -> None:
    here = stack(server(port))
    here.up()
    kill(supervisor_pid())
    until(lambda: not here.state().running, "the supervisor's end")
    record = home / "run" / "parts.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        facts = json.loads(record.read_text())
        orphan = dict(facts["server"])
        facts["server"]["pid"] = stranger.pid
        record.write_text(json.dumps(facts))
        here.down()
        assert stranger.poll() is None
        record.write_text(json.dumps({"server": orphan}))
        here.down()
        stranger.communicate(b"\n")


def test_stack_json_holds_the_facts_keeps_what_others_wrote_and_is_private(
    stack: Callable[..., Stack], server: Callable[..., Recipe], port: int, home: Path
) -> None:
    home.mkdir()
    (home / "stack.json").write_text(json.dumps({"api_key": "cs_kept", "api_url": "http://127.0.0.1:1"}))
    stack(server(port, api_url=f"http://127.0.0.1:{port}")).up()
    assert json.loads((home / "stack.json").read_text()) == {
        "api_key": "cs_kept",
        "api_url": f"http://127.0.0.1:{port}",
    }
    assert mode(home / "stack.json") == 0o600
    assert {mode(home / name) for name in (".", "run", "logs")} == {0o700}
    assert {mode(path) for path in (home / "logs").iterdir()} == {0o600}


def test_parts_see_the_settings_made_by_flag_and_the_absolute_home(
    stack: Callable[..., Stack], script: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWER_PORT", "tcp://10.0.0.1:5555")
    text = "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))"
    stack(script("migrate", text), database_url="postgresql://db/x", worker_threads=3).up()
    seen = json.loads((home / "seen.json").read_text())
    assert seen["CALLSHEET_DATABASE_URL"] == "postgresql://db/x"
    assert seen["CALLSHEET_WORKER_THREADS"] == "3"
    assert seen["CALLSHEET_HOME"] == str(home)
    assert "FLOWER_PORT" not in seen


def test_a_log_that_grew_large_is_set_aside_at_the_start(
    stack: Callable[..., Stack], server: Callable[..., Recipe], port: int, home: Path
) -> None:
    (home / "logs").mkdir(parents=True)
    with (home / "logs" / "server.log").open("wb") as file:
        file.truncate(10_000_001)
    stack(server(port)).up()
    assert (home / "logs" / "server.log").stat().st_size < 1000
    assert (home / "logs" / "server.log.1").stat().st_size == 10_000_001


def test_in_the_foreground_ctrl_c_ends_everything(home: Path, running: Callable[[], list[psutil.Process]]) -> None:
    text = (
        "import sys; from pathlib import Path\n"
        "from pipeline.settings import load_settings; from workers.stack.control import Stack\n"
        "from workers.stack.parts.broker import Valkey\n"
        "stack = Stack(load_settings(home=Path(sys.argv[1])), recipes=[Valkey()])\n"
        "stack.run(report=lambda line: print(line, flush=True))"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", text, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as foreground:
        assert foreground.stdout
        assert "valkey ready" in foreground.stdout.readline()
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(PATIENCE) == 0
    assert running() == []
