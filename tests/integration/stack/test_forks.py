"""Parts that are forked from a process that has imported what they need."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from workers.stack.control import Stack
from workers.stack.forks import UNSEEN_END, Forks, NoForks, can_fork
from workers.stack.forkserver import Program
from workers.stack.parts import RECIPES
from workers.stack.parts.monitor import FLOWER
from workers.stack.parts.programs import BUCKET, HTTP, MESSAGES, ROWS, TASKS
from workers.stack.ports import Ports

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 15.0
SHARED = "import os\nwho = os.getpid()\n"
ECHO = """
import os, sys, shared
print(__name__, sys.argv[1:], os.environ["WORD"], shared.who != os.getpid(), os.getsid(0) == os.getpid(), flush=True)
sys.exit(int(sys.argv[1]))
"""
REST = "import signal\nsignal.pause()\n"
BUSY = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
SAFE = """
import os, sys
from pathlib import Path
from workers.stack.forkserver import preload
preload(sys.argv[1:])
links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
print([link for link in links if link.startswith("socket:") or ".db" in link])
print([name for name in sys.modules if name.startswith("workers.serving.") and name.rpartition(".")[2] in PROGRAMS])
"""

pytestmark = pytest.mark.skipif(not can_fork(), reason="parts are started by themselves on this system")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, source in {"shared": SHARED, "echo": ECHO, "rest": REST, "busy": BUSY}.items():
        (tmp_path / f"{name}.py").write_text(source)
    return tmp_path


def with_forks(folder: Path, act: Callable[[Forks], Awaitable[None]], preload: Iterable[str] = ("shared",)) -> None:
    """Run `act` beside a fork server that is ended afterwards."""

    async def run() -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        forks = Forks(preload, environment=environment, folder=folder, log=folder / "server.log")
        try:
            await asyncio.wait_for(act(forks), PATIENCE)
        finally:
            await forks.close()

    asyncio.run(run())


def program(folder: Path, *argv: str) -> Program:
    return Program("part", argv, {"WORD": "quiet"}, str(folder / "part.log"))


def test_a_forked_program_is_main_with_its_own_arguments_variables_session_and_log(folder: Path) -> None:
    async def act(forks: Forks) -> None:
        process = await forks.start(program(folder, "echo", "7"))
        assert await process.wait() == 7

    with_forks(folder, act)
    assert (folder / "part.log").read_text() == "__main__ ['7'] quiet True True\n"


def test_the_death_of_one_is_told_and_leaves_the_others_alone(folder: Path) -> None:
    async def act(forks: Forks) -> None:
        first, second = [await forks.start(program(folder, "rest")) for _ in range(2)]
        os.kill(first.pid, signal.SIGKILL)
        assert await first.wait() == -signal.SIGKILL
        assert psutil.pid_exists(second.pid)
        second.terminate()
        assert await second.wait() == -signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            second.kill()

    with_forks(folder, act)


def test_what_was_forked_outlives_the_fork_server_and_its_end_is_still_noticed(folder: Path) -> None:
    async def act(forks: Forks) -> None:
        process = await forks.start(program(folder, "rest"))
        server = psutil.Process(process.pid).parent()
        assert server is not None
        server.kill()
        with pytest.raises(NoForks):
            await forks.start(program(folder, "rest"))
        assert psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE
        process.kill()
        assert await process.wait() == UNSEEN_END

    with_forks(folder, act)


def test_a_wish_that_was_given_up_leaves_no_process(folder: Path) -> None:
    async def act(forks: Forks) -> None:
        process = await forks.start(program(folder, "rest"))
        given_up = asyncio.create_task(forks.start(program(folder, "rest")))
        await asyncio.sleep(0)  # it has asked
        given_up.cancel()
        await asyncio.wait({given_up})
        (await forks.start(program(folder, "rest"))).kill()
        server = psutil.Process(process.pid).parent()
        assert server is not None
        while [child.pid for child in server.children()] != [process.pid]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        process.kill()
        await process.wait()

    with_forks(folder, act)


@pytest.mark.parametrize("preload", [["busy"], ["is.not.there"]])
def test_nothing_is_forked_where_the_imports_leave_a_thread_or_fail(folder: Path, preload: list[str]) -> None:
    async def act(forks: Forks) -> None:
        with pytest.raises(NoForks):
            await forks.start(program(folder, "rest"))

    with_forks(folder, act, preload)
    assert "Error" in (folder / "server.log").read_text()


def test_a_part_that_cannot_be_forked_is_started_by_itself(
    stack: Callable[..., Stack], server: Callable[..., Any], home: Path
) -> None:
    port = Ports(home.parent / "unused.json").choose("any")
    state = stack(replace(server(port), options={"preload": ("is.not.there",)})).up()
    assert state.ready
    assert "started by itself" in (home / "logs" / "supervisor.log").read_text()


def test_what_the_parts_preload_starts_no_thread_opens_no_connection_and_runs_no_part(folder: Path) -> None:
    names = dict.fromkeys((*ROWS, *MESSAGES, *HTTP, *BUCKET, *TASKS, *FLOWER, "pipeline.api.app"))
    source = SAFE.replace("PROGRAMS", repr({recipe.name for recipe in RECIPES}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLSHEET_")}
    ended = subprocess.run(
        [sys.executable, "-c", source, *names],
        env={**environment, "CALLSHEET_HOME": str(folder), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.stdout == "[]\n[]\n", ended.stderr
