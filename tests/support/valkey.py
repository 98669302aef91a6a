"""A broker other than the stack's own: Valkey on a TCP port, behind a password, to be broken as a test likes."""

import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port
from workers.stack.parts.broker import server

START_SECONDS, STARTS = 10.0, 3
DURABLE = "appendonly yes\nappendfsync always\n"


class RunningValkey:
    """The server and where it listens; it keeps its port and its password when it is started again."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.port, self.password = 0, secrets.token_hex(8)
        self._configuration = folder / "valkey.conf"
        self._configured = f"bind 127.0.0.1\nrequirepass {self.password}\nsave ''\ndir {folder}\n"
        self._configured += DURABLE if durable else ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address as Celery takes it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers. The first start finds a port, which another program may take first."""
        known = self.port
        for _ in range(STARTS):
            self.port = known or free_port()
            self._configuration.write_text(f"port {self.port}\n{self._configured}")
            if self._starts():
                return
        raise RuntimeError("Valkey does not answer")

    def _starts(self) -> bool:
        self._process = subprocess.Popen(
            [server(), self._configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def send(self, number: signal.Signals) -> None:
        """Signal it: SIGSTOP makes it silent on open connections, SIGCONT lets it go on."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.send(signal.SIGKILL)
        assert self._process
        self._process.wait(10)

    def stop(self) -> None:
        """End it, stopped or not."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)

    def command(self, *words: str) -> str:
        """Send one command and return the first line of the answer."""
        lines = [("AUTH", self.password), words]
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            answers = connection.makefile("rb")
            for line in lines:
                connection.sendall((" ".join(line) + "\r\n").encode())
                answer = answers.readline().decode().strip()
        return answer

    def _answers(self) -> bool:
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False


@contextmanager
def running_valkey(*, durable: bool = False) -> Iterator[RunningValkey]:
    """Run it for as long as it is needed; a durable one has after a kill what it had before."""
    with tempfile.TemporaryDirectory(prefix="cs-vk-") as folder:
        valkey = RunningValkey(Path(folder), durable=durable)
        try:
            valkey.start()
            yield valkey
        finally:
            valkey.stop()
