"""How Flower is run: on loopback, behind a password, unable to change anything."""

import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from pipeline.errors import EnvironmentFault
from pipeline.settings import Settings
from workers.stack.ports import LOOPBACK

USER = "callsheet"
CONFIGURATION = Path(__file__).parents[1] / "flowerconfig.py"
LARGEST_TASK_COUNT = 50_000
SAVE_MILLISECONDS = 10_000
OFFLINE_SECONDS = 300
COLUMNS = "name,args,state,received,started,runtime,worker,uuid"


def flower_argv(settings: Settings, *, app: str = "workers.app", port: int | None = None) -> tuple[str, ...]:
    """Return the command. Without `port` it is the setting's, then that of `flower_url`, then a free one."""
    return (
        sys.executable,
        *("-m", "workers.serving.flower", app),
        f"--conf={CONFIGURATION}",
        # Flower listens on every interface by itself.
        f"--address={LOOPBACK}",
        f"--port={_port(settings) if port is None else port}",
        # Its API can start and revoke any task otherwise.
        "--read_only=true",
        "--persistent=true",
        f"--db={settings.home.absolute() / 'flower.db'}",
        f"--state_save_interval={SAVE_MILLISECONDS}",
        f"--max_tasks={LARGEST_TASK_COUNT}",
        f"--purge_offline_workers={OFFLINE_SECONDS}",
        f"--tasks_columns={COLUMNS}",
        "--natural_time=true",
    )


def flower_environment(password: str) -> dict[str, str]:
    """Return the variables that go with the command; the password is in no argument, which all can read.

    Raises:
        EnvironmentFault: the password cannot be used.
    """
    if not password or "," in password:
        raise EnvironmentFault(
            "CALLSHEET_FLOWER_PASSWORD: it must not be empty, and Flower splits it at commas",
            hint="Choose another password, or unset it: the stack generates one.",
        )
    return {"FLOWER_BASIC_AUTH": f"{USER}:{password}"}


def run_flower(settings: Settings) -> NoReturn:
    """Become Flower: the process keeps its id.

    Raises:
        EnvironmentFault: no password is set; Flower never runs without one.
    """
    if settings.flower_password is None:
        raise EnvironmentFault(
            "Flower needs a password: none is set, and no stack has generated one",
            hint="Set CALLSHEET_FLOWER_PASSWORD, or start the stack with `callsheet up`.",
        )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
    secret = flower_environment(settings.flower_password.get_secret_value())
    argv = flower_argv(settings)
    os.execve(argv[0], argv, inherited | secret)  # noqa: S606 - a fixed command, no shell


def _port(settings: Settings) -> int:
    if settings.flower_port:
        return settings.flower_port
    return urlsplit(settings.flower_url or "").port or 0
