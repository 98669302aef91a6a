"""The whole product as a user has it: the console script, and the stack it starts in a folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import give_ports

ROOT = Path(__file__).resolve().parents[2]
CAST = ROOT / "examples" / "cast"
COMMAND_SECONDS = 170.0
UNHEARD = "quality: {check: false}\n"
"""In a project file whose test is about something else: listening to its takes costs a third of a second each."""
AT_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from workers.cli import main
main()
"""
"""A shell's background job, as CI may be, ignores SIGINT and hands that down; what is typed at a terminal does not."""
FAST = {"CALLSHEET_SANDBOX_ENGINE": "pico", "CALLSHEET_SANDBOX_TIER": "lab"}
"""Speech at once and no pace: what a test waits for is the product, not the provider."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote to stdout, as data."""
        return json.loads(self.out)


class RunningStack:
    """Commands against one home folder."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CALLSHEET_", "KYMA_"))},
            "CALLSHEET_HOME": str(home),
            **environment,
        }

    def run(self, *arguments: str | Path) -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(
            [sys.executable, "-m", "workers.cli", *map(str, arguments)],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command as a terminal would and leave it running; it is the caller's to end."""
        return subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *map(str, arguments)],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *arguments: str | Path) -> Any:
        """Run a command that has to succeed and return its data."""
        ended = self.run(*arguments, "--json")
        assert ended.code == 0, f"{arguments}: exit {ended.code}\n{ended.err}"
        return ended.json

    def facts(self) -> dict[str, str]:
        """Return what the stack has written down of itself."""
        facts: dict[str, str] = json.loads((self.home / "stack.json").read_text())
        return facts

    def sandbox(self, path: str, body: Any = None) -> Any:
        """Read a control route of the sandbox, or post to it."""
        url = f"{self.facts()['sandbox_url'].removesuffix('/v1')}/__sandbox__/{path}"
        answer = httpx.get(url, timeout=30) if body is None else httpx.post(url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def charged(self) -> int:
        """Return the micro-dollars the sandbox has on its own books."""
        return sum(charge["amount"] for charge in self.sandbox("ledger")["charges"])

    def spent(self) -> int:
        """Return the micro-dollars on ours."""
        spent: int = self.ask("ledger")["balance"]["spent_micros"]
        return spent

    def kill(self, part: str) -> int:
        """Kill a part as a crash would, and return the pid it had."""
        parts = {part["name"]: part for part in json.loads((self.home / "run" / "parts.json").read_text()).values()}
        pid: int = parts[part]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait(self, run_id: str, until: Callable[[Any], bool], seconds: float = 120.0) -> Any:
        """Look at a run until it is as wanted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self._api(f"/v1/runs/{run_id}")
            if status is not None and until(status):
                return status
            time.sleep(0.1)
        raise AssertionError(f"the run is not as wanted after {seconds:.0f} s: {status}")

    def _api(self, path: str) -> Any:
        facts = self.facts()
        try:
            answer = httpx.get(
                f"{facts['api_url']}{path}", headers={"Authorization": f"Bearer {facts['api_key']}"}, timeout=10
            )
        except httpx.TransportError:
            return None
        return answer.json()


@contextmanager
def running_stack(**environment: str) -> Iterator[RunningStack]:
    """Start a stack in a new folder, and end it and every trace of it."""
    folder = Path(tempfile.mkdtemp(prefix="cs-"))  # short: unix sockets lie below it
    stack = RunningStack(give_ports(folder / "home"), {**FAST, **environment})
    try:
        started = stack.run("up")
        assert started.code == 0, started.err
        yield stack
    finally:
        stack.run("down")
        shutil.rmtree(folder)


def write_project(folder: Path, cast: str, lines: str, recordings: Mapping[str, bytes | Path] | None = None) -> Path:
    """Write a project and return its project file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cast.yaml").write_text(cast)
    (folder / "lines.csv").write_text(lines)
    for name, content in (recordings or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
    return folder / "cast.yaml"


def one_voice(
    production: str, *, talent: str = "mara", recording: str = "references/mara.mp3", consent: bool = True
) -> str:
    """Return the project file of a production with one cloned character, HERO, and one system voice, HERALD."""
    given = "    consent: {synthetic: true, statement: A made-up voice.}\n" if consent else ""
    return (
        f"production: {production}\nlanguage: en\n{UNHEARD}"
        f"talents:\n  {talent}:\n    name: {talent.title()}\n    reference: {recording}\n{given}"
        f"characters:\n  HERO: {{voice: {{talent: {talent}}}}}\n  HERALD: {{voice: {{system: English_Announcer}}}}\n"
        "lines: lines.csv\n"
    )


def sheet(*rows: tuple[str, str, str]) -> str:
    """Return a sheet of (id, character, text)."""
    return "".join(
        f'{line_id},{character},"{text}"\n' for line_id, character, text in [("id", "character", "text"), *rows]
    )
