import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pipeline.settings import load_settings
from workers.stack.control import Stack
from workers.stack.ground import Ground
from workers.stack.part import Part
from workers.stack.parts import recipe
from workers.stack.probes import FileProbe, HttpProbe, Probe

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *a): pass
class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
JOURNAL = """
import os, signal, sys, pathlib
name, journal, ready = sys.argv[1:4]
def note(what):
    with open(journal, "a") as file: file.write(f"{name} {what}\\n")
def stop(*_):
    note("stopped"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("started"); pathlib.Path(ready).write_text("")
while True: signal.pause()
"""


@dataclass
class Standin:
    """A part made of a few lines of Python."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    probe: Probe | None = None
    facts_of: dict[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    program: str = sys.executable

    @property
    def provides(self) -> frozenset[str]:
        return frozenset(self.facts_of)

    def needed(self, ground: Ground) -> bool:
        return not any(ground.stated(name) for name in self.facts_of)

    def facts(self, _ground: Ground) -> dict[str, str]:
        return self.facts_of

    def part(self, ground: Ground, _facts: dict[str, str]) -> Part:
        # The home folder stands in the command so that a leaked process can be found.
        argv = (self.program, "-c", self.script, *self.arguments, str(ground.places.home))
        return Part(self.name, argv, self.probe, **self.options)  # type: ignore[arg-type]  # a test's own options


@pytest.fixture(autouse=True)
def bare_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(("CALLSHEET_", "KYMA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "h"


@pytest.fixture
def stack(home: Path, ended: Callable[[Path], None]) -> Iterator[Callable[..., Stack]]:
    """Make a stack of the home folder; whatever it started is ended, and none of it may be left."""

    def make(*recipes: recipe.Recipe, on_death: str | None = None, **flags: object) -> Stack:
        return Stack(load_settings(home=home, **flags), recipes=recipes, on_death=on_death)

    yield make
    ended(home)


@pytest.fixture(scope="session")
def ended() -> Callable[[Path], None]:
    """End the stack of a home folder and see that nothing of it is left."""

    def end(home: Path) -> None:
        Stack(load_settings(home=home)).down()
        assert [process.info["cmdline"] for process in processes_of(home)] == []

    return end


def processes_of(home: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline", "status"])
    return [
        process
        for process in found
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(home) in word for word in process.info["cmdline"] or ())
    ]


@pytest.fixture
def running(home: Path) -> Callable[[], list[psutil.Process]]:
    return lambda: processes_of(home)


@pytest.fixture
def server() -> Callable[..., recipe.Recipe]:
    """Make a part that answers 200 on a port."""

    def make(port: int, name: str = "server", **facts: str) -> Standin:
        return Standin(name, SERVER, (str(port),), HttpProbe(port, "/"), facts)

    return make


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def diarist(tmp_path: Path, journal: Path) -> Callable[..., recipe.Recipe]:
    """Make a part that writes down when it starts and when it is asked to stop."""

    def make(name: str, **options: object) -> Standin:
        ready = str(tmp_path / f"{name}.ready")
        return Standin(name, JOURNAL, (name, str(journal), ready), FileProbe(ready), options=options)

    return make


@pytest.fixture
def script() -> Callable[..., recipe.Recipe]:
    """Make a part of any script; without a probe it runs once."""
    return lambda name, text, probe=None, **options: Standin(name, text, (), probe, options=options)


@pytest.fixture
def supervisor_pid(home: Path) -> Callable[[], int]:
    return lambda: int(json.loads((home / "run" / "supervisor.lock").read_text())["pid"])
