"""Flower itself, watching a real worker of a stand-in app over the stack's own broker."""

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from pipeline.settings import Settings, load_settings
from tests.support.ports import give_ports
from workers.stack import flower
from workers.stack.control import Stack
from workers.stack.ground import Ground
from workers.stack.parts.broker import Valkey
from workers.stack.parts.monitor import Flower

PATIENCE = 30.0
ROOT = str(Path(__file__).parents[3])
CANARY = "canary-to-be-or-not-to-be"
APP = f"""
import os
from celery import Celery
app = Celery("standin", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, worker_send_task_events=True, task_send_sent_event=True)
@app.task(name="speech.speak")
def speak(take, **said):
    return "{CANARY}"
@app.task(name="voices.clone")
def clone(voice, **said):
    raise ValueError("{CANARY}")
"""


class Watch:
    """Asks Flower."""

    def __init__(self, settings: Settings) -> None:
        assert settings.flower_url
        assert settings.flower_password
        self.port = urlsplit(settings.flower_url).port
        self.password = settings.flower_password.get_secret_value()
        secret = f"{flower.USER}:{self.password}".encode()
        self.header = {"Authorization": f"Basic {base64.b64encode(secret).decode()}"}

    def ask(self, path: str, *, method: str = "GET", known: bool = True) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port or 0, timeout=10)
        try:
            body = b"{}" if method == "POST" else None
            connection.request(method, path, body, self.header if known else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def tasks(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/api/tasks")[1])
        return found


class StandinFlower(Flower):
    """The real part, for the stand-in app."""

    def part(self, ground: Ground, facts: dict[str, str]) -> Any:
        part = super().part(ground, facts)
        argv = tuple("standin" if word == "workers.app" else word for word in part.argv)
        return type(part)(**{**vars(part), "argv": argv})


@dataclass
class Scene:
    home: Path
    stack: Stack
    watch: Watch

    def run(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start Python beside the stand-in app."""
        return subprocess.Popen([sys.executable, *words], cwd=self.home.parent, **options)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, ended: Callable[[Path], None]) -> Iterator[Scene]:
    """A broker and Flower for all tests of this file: it takes seconds to start."""
    folder = tmp_path_factory.mktemp("f")
    home = give_ports(folder / "h")
    (folder / "standin.py").write_text(APP)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        patch.setenv("BROKER", f"redis+socket://{home / 'run' / 'valkey.sock'}")
        stack = Stack(load_settings(home=home), recipes=(Valkey(), StandinFlower()))
        stack.up()
        yield Scene(home, stack, Watch(load_settings(home=home)))
        ended(home)


@pytest.fixture
def watch(scene: Scene) -> Watch:
    return scene.watch


@pytest.fixture
def worker(scene: Scene) -> Iterator[None]:
    """A Celery worker of the stand-in app."""
    words = ("-m", "celery", "-A", "standin", "worker", "-P", "solo", "-E", "--without-mingle")
    with (scene.home.parent / "worker.log").open("wb") as log:
        process = scene.run(*words, stdout=log, stderr=log)
    yield
    process.terminate()
    process.wait(PATIENCE)


def test_every_page_wants_the_password_but_the_health_check(watch: Watch) -> None:
    for path in ("/", "/workers", "/tasks", "/broker", "/metrics", "/api/tasks", "/api/workers"):
        assert watch.ask(path, known=False)[0] == 401, path
    for path in ("/", "/workers", "/tasks", "/metrics", "/api/tasks"):
        assert watch.ask(path)[0] == 200, path
    assert watch.ask("/healthcheck", known=False) == (200, "OK")


def test_nothing_can_be_started_or_revoked(watch: Watch) -> None:
    for path in ("task/async-apply/speech.speak", "task/send-task/speech.speak", "task/revoke/x"):
        assert watch.ask(f"/api/{path}", method="POST")[0] == 403, path


def test_it_listens_on_loopback_and_its_password_is_in_no_command_line(scene: Scene) -> None:
    process = psutil.Process(scene.stack.state().part("flower").pid)
    ports = [each for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    assert [(each.laddr.ip, each.laddr.port) for each in ports] == [("127.0.0.1", scene.watch.port)]
    assert scene.watch.password not in " ".join(process.cmdline())


@pytest.mark.usefixtures("worker")
def test_it_shows_names_and_ids_and_neither_text_nor_secrets(scene: Scene, watch: Watch) -> None:
    send = (
        "import standin\n"
        f"standin.speak.delay('take_01jd3v8q4k', line={CANARY!r})\n"
        f"standin.clone.delay('voice_01jd3v8q4k', key={CANARY!r})\n"
        f"standin.speak.delay({CANARY + ' that is the question'!r})\n"
    )
    assert scene.run("-c", send).wait(PATIENCE) == 0
    tasks = _ended(watch, 3)
    assert sorted(task["name"] for task in tasks.values()) == ["speech.speak", "speech.speak", "voices.clone"]
    assert sorted(task["args"] for task in tasks.values()) == [
        "('take_01jd3v8q4k',)",
        "('voice_01jd3v8q4k',)",
        "(hidden)",
    ]
    failed = next(task for task in tasks.values() if task["state"] == "FAILURE")
    assert failed["exception"] == "ValueError(hidden)"
    pages = ["/tasks", "/workers", "/metrics", "/api/tasks", *(f"/task/{uuid}" for uuid in tasks)]
    pages += [f"/api/task/info/{uuid}" for uuid in tasks]
    for path in pages:
        status, text = watch.ask(path)
        assert status == 200, path
        assert CANARY not in text, path
    scene.stack.down()
    saved = b"".join(path.read_bytes() for path in scene.home.glob("flower.db*"))
    assert saved
    assert CANARY.encode() not in saved


def _ended(watch: Watch, count: int) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        tasks = watch.tasks()
        ended = [task for task in tasks.values() if task["state"] in ("SUCCESS", "FAILURE")]
        if len(ended) == count:
            return tasks
        time.sleep(0.05)
    pytest.fail(f"{count} tasks had not ended within {PATIENCE} s: {watch.tasks()}")
