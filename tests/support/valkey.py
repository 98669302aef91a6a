"""A broker other than the stack's own: Valkey on a TCP port, behind a password."""

import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from workers.stack.parts.broker import server

START_SECONDS = 10.0


@dataclass(frozen=True)
class RunningValkey:
    """Where it listens."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """Its address as Celery takes it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self, *words: str) -> str:
        """Send one command and return the first line of the answer."""
        lines = [("AUTH", self.password), words]
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            answers = connection.makefile("rb")
            for line in lines:
                connection.sendall((" ".join(line) + "\r\n").encode())
                answer = answers.readline().decode().strip()
        return answer


@contextmanager
def running_valkey() -> Iterator[RunningValkey]:
    """Run it for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="cs-vk-") as folder:
        port, password = free_port(), secrets.token_hex(8)
        configuration = Path(folder) / "valkey.conf"
        configuration.write_text(f"port {port}\nbind 127.0.0.1\nrequirepass {password}\nsave ''\ndir {folder}\n")
        process = subprocess.Popen([server(), configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            yield RunningValkey(port, password)
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("Valkey does not listen")
