from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.settings import STACK_FILE, Settings
from workers import local, rows
from workers.stack.files import read_json, write_private_json
from workers.stack.record import PartState, StackState

API = "http://127.0.0.1:1"


class FakeStack:
    """Notes what it is told; `serving` is the provider of whoever answers as its API."""

    def __init__(self, home: Path, *, running: bool, serving: str | None = "sandbox") -> None:
        self.home = home
        self.running = running
        self.serving = serving
        self.told: list[str] = []

    def up(self, *, report: object) -> StackState:
        assert report
        self.told.append("up")
        self.running = True
        write_private_json(self.home / STACK_FILE, read_json(self.home / STACK_FILE) | {"api_url": API})
        return self.state()

    def down(self, *, report: object) -> StackState:
        assert report
        self.told.append("down")
        self.running = False
        return self.state()

    def state(self) -> StackState:
        return StackState(running=self.running, parts=(PartState("api", ready=self.running),))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / ".callsheet"
    home.mkdir()
    monkeypatch.setenv("CALLSHEET_HOME", str(home))
    return home


def install(monkeypatch: pytest.MonkeyPatch, stack: FakeStack) -> FakeStack:
    monkeypatch.setattr(local, "_stack", lambda: stack)
    monkeypatch.setattr(local, "_provider_of", lambda _url: stack.serving)
    monkeypatch.setattr(rows, "own_key", lambda _settings: "cs_new")
    return stack


def written(home: Path) -> dict[str, Any]:
    return read_json(home / STACK_FILE)


def test_where_none_runs_a_stack_is_started_and_given_a_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = install(monkeypatch, FakeStack(home, running=False))
    local.ensure()
    assert stack.told == ["up"]
    assert written(home) == {"api_url": API, "api_key": "cs_new"}
    assert (home / STACK_FILE).stat().st_mode & 0o077 == 0


def test_a_key_that_is_there_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private_json(home / STACK_FILE, {"api_key": "cs_old"})
    install(monkeypatch, FakeStack(home, running=False))
    local.ensure()
    assert written(home)["api_key"] == "cs_old"


def test_a_stack_that_serves_the_right_provider_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private_json(home / STACK_FILE, {"api_url": API, "api_key": "cs_old"})
    stack = install(monkeypatch, FakeStack(home, running=True))
    local.ensure()
    assert stack.told == []


@pytest.mark.parametrize(("serving", "named"), [("sandbox", "sandbox"), (None, "nobody")])
def test_a_stack_that_serves_another_provider_is_started_anew(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    serving: str | None,
    named: str,
) -> None:
    monkeypatch.setenv("CALLSHEET_PROVIDER", "kyma")
    write_private_json(home / STACK_FILE, {"api_url": API, "api_key": "cs_old"})
    stack = install(monkeypatch, FakeStack(home, running=True, serving=serving))
    local.ensure()
    assert stack.told == ["down", "up"]
    assert f"serves {named}; starting it anew for kyma" in capsys.readouterr().err


def test_a_stack_that_speaks_the_other_api_with_the_sandbox_is_started_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_SANDBOX_API", "minimax")
    write_private_json(home / STACK_FILE, {"api_url": API, "api_key": "cs_old"})
    stack = install(monkeypatch, FakeStack(home, running=True))
    local.ensure()
    assert stack.told == ["down", "up"]


def test_an_api_elsewhere_needs_no_stack(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSHEET_API_URL", "https://studio.invalid")
    stack = install(monkeypatch, FakeStack(home, running=False))
    local.ensure()
    assert stack.told == []


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", "null"])
def test_what_answers_without_naming_a_provider_serves_nobody(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, text=body))
    assert local._provider_of(API) is None


@pytest.mark.usefixtures("home")
def test_the_claims_of_a_dead_worker_end_and_other_parts_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    buried: list[tuple[Settings, int]] = []
    monkeypatch.setattr(rows, "bury_worker", lambda settings, pid: buried.append((settings, pid)))
    for part in ("broker", "worker", "api"):
        local.on_death(part, 42)
    assert [pid for _, pid in buried] == [42]
