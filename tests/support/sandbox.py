"""A real sandbox process on loopback, for any suite that needs somebody to call.

Nothing here knows pytest: `with running_sandbox(folder) as sandbox: ...`.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY = "sandbox listening on "
DEFAULT_KEYS = {"key-ann": "ann:4:50", "key-bob": "bob:0:50"}


class SandboxDied(RuntimeError):
    """The process ended before it listened; the text is what it said."""


class RunningSandbox:
    """A handle on the process; `keys` is the API key of each user."""

    def __init__(self, process: subprocess.Popen[str], base_url: str, keys: dict[str, str], db: Path) -> None:
        self.process = process
        self.base_url = base_url
        self.keys = keys
        self.db = db
        # Made once, because a client of its own for each question costs 40 ms; no connection is kept.
        self._http = httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def auth(self, user: str) -> dict[str, str]:
        """Return the header that makes a request this user's."""
        return {"Authorization": f"Bearer {self.keys[user]}"}

    def control(self, path: str, body: Any = None) -> Any:
        """Read a control route, or post to it when there is a body."""
        url = f"{self.base_url}/__sandbox__/{path}"
        answer = self._http.get(url) if body is None else self._http.post(url, json=body)
        answer.raise_for_status()
        return answer.json()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Return accounts, charges, voices and calls; amounts in micro-dollars."""
        ledger: dict[str, list[dict[str, Any]]] = self.control("ledger")
        return ledger

    def state(self) -> dict[str, Any]:
        """Return what the server is doing."""
        state: dict[str, Any] = self.control("state")
        return state

    def break_at(self, *faults: Mapping[str, Any]) -> None:
        """Put these fault rules in force instead of the old ones."""
        self.control("faults", {"faults": list(faults)})

    def advance(self, seconds: float) -> None:
        """Move its clock on."""
        self.control("clock", {"advance_seconds": seconds})

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def close(self) -> None:
        """Let go of what this handle holds; the process goes on."""
        self._http.close()


@contextmanager
def running_sandbox(
    folder: Path,
    *,
    keys: Mapping[str, str] = DEFAULT_KEYS,
    engine: str = "tone",
    latency_ms: int = 0,
    port: int = 0,
    flags: tuple[str, ...] = (),
) -> Iterator[RunningSandbox]:
    """Run a sandbox whose ledger lies in `folder`; `keys` maps a key to `USER[:TIER[:BALANCE_USD]]`.

    Entered again on the same folder it is the same sandbox, restarted.
    """
    db = folder / "sandbox.db"
    command = [
        *(sys.executable, "-m", "pipeline.sandbox", "--db", str(db), "--port", str(port)),
        *("--engine", engine, "--latency-ms", str(latency_ms), *flags),
    ]
    written = ",".join(f"{key}={user}" for key, user in keys.items())
    environment = os.environ | {"CALLSHEET_SANDBOX_KEYS": written, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        talk = _Talk(process.stderr)
        try:
            users = {user.partition(":")[0]: key for key, user in keys.items()}
            with closing(RunningSandbox(process, talk.address(), users, db)) as running:
                yield running
        finally:
            process.terminate()
            _end(process)
            talk.join()


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Talk:
    """Reads what the process says, to its end, so that it never blocks on a full pipe."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._lines: list[str] = []
        self._settled = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._pipe:
            self._lines.append(line)
            if line.startswith(READY):
                self._settled.set()
        self._settled.set()

    def address(self) -> str:
        """Wait for the ready line and return the address in it."""
        self._settled.wait(timeout=30)
        for line in self._lines:
            if line.startswith(READY):
                return line.removeprefix(READY).strip()
        raise SandboxDied("".join(self._lines) or "it said nothing in 30 s")

    def join(self) -> None:
        self._reader.join(timeout=10)
