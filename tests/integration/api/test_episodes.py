"""An episode on this machine against the API: what was spoken is found again, what was replaced is heard."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pydantic import SecretStr

from pipeline.audio import AudioRejected
from pipeline.cli import applying
from pipeline.cli.client import Client
from pipeline.cli.commands import music
from pipeline.cli.episode import building, taking_up
from pipeline.cli.episode.building import build_episode
from pipeline.cli.episode.music import SHARED, bring_shared
from pipeline.cli.episode.script import Script
from pipeline.cli.episode.taking_up import take_up
from pipeline.cli.submission import LocalProject
from pipeline.settings import Settings
from tests.integration.api.callers import Caller

SCRIPT = """---
production: lamp
model: stage-hd
format: wav
quality: {check: false}
characters: {HOST: {voice: {system: narrator}}}
episode: {narrator: HOST, formats: [wav], outro: bucket:theme}
---

## The lamp

A lamp.

## The glass

A lens.
"""
RENAMED = SCRIPT.replace("The lamp", "The light")


class InProcess(Client):
    """The commands' client, with the API and the bucket in this process."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(Settings(api_url="http://api.invalid", api_key=SecretStr(caller.key or "")))
        self.caller = caller

    def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        content.pop("timeout", None)
        answer = self.caller.send(method, f"/v1{path}", **content)
        assert not answer.is_error, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def rows(self, path: str, body: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        answer = self.caller.send("POST", f"/v1{path}", json=dict(body))
        yield from map(json.loads, answer.text.splitlines())

    def upload(self, form: dict[str, Any], file: Path) -> None:
        self.caller.stage.store.accept_upload(form["fields"], file.read_bytes())

    def download(self, url: str) -> bytes:
        return self.caller.stage.store.fetch(url)[0]


@pytest.fixture
def client(studio: Caller, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    client = InProcess(studio)
    monkeypatch.setattr("pipeline.cli.outcome.watch", lambda _client, run: client.get(f"/runs/{run['id']}"))
    monkeypatch.setattr(building, "listen", lambda *_: {})
    monkeypatch.setattr("pipeline.cli.commands.music.context.client", lambda: client)
    return client


@pytest.fixture
def made(client: InProcess, tmp_path: Path) -> Callable[..., Any]:
    """Builds the episode of a script, of which everything is spoken before."""
    share(tmp_path, 440.0)
    spoken = local(tmp_path, SCRIPT)
    bounds: dict[str, Any] = {"budget_micros": None, "only": []}
    drawn = applying.draw(client, {**spoken.plan_body(client), **bounds})
    applying.start(client, spoken, drawn, bounds)
    client.caller.stage.settle_down(4)

    nobody: Any = lambda *_: None  # noqa: E731 - it stands where progress is told

    def build(text: str, *formats: str) -> Any:
        project = local(tmp_path, text)
        script = Script.of(client, project, None, bring_shared(client, project, tmp_path / "out"))
        assert not script.missing()
        take_up(client, script)
        return build_episode(client, script, tmp_path / "out", formats or ["wav"], nobody)

    return build


def local(folder: Path, text: str) -> LocalProject:
    (folder / "lamp.md").write_text(text)
    return LocalProject.read(folder / "lamp.md")


def share(folder: Path, pitch: float, *, replace: bool = False) -> None:
    soundfile.write(folder / "theme.wav", 0.3 * np.sin(np.arange(24_000) * pitch / 7_639), 48_000)
    music.add([folder / "theme.wav"], replace=replace)


def test_a_chapter_that_is_renamed_keeps_its_lines(made: Callable[..., Any], client: InProcess) -> None:
    before, paid = made(SCRIPT), len(client.caller.stage.provider.speech_calls)
    after = made(RENAMED)
    assert [chapter["title"] for chapter in after["chapters"]] == ["The light", "The glass"]
    assert (after["missing"], after["fetched"]) == ([], 0)
    assert [line["start"] for line in after["lines"]] == [line["start"] for line in before["lines"]]
    assert len(client.caller.stage.provider.speech_calls) == paid == 2


def test_without_taking_them_up_the_lines_of_a_renamed_chapter_are_lost(
    made: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_up, "_stale", lambda *_: [])
    assert len(made(RENAMED)["missing"]) == 1


def test_music_that_is_replaced_in_the_bucket_is_heard_in_the_next_episode(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    first = made(SCRIPT)
    assert made(SCRIPT)["files"] == first["files"]
    share(tmp_path, 880.0, replace=True)
    again = made(SCRIPT)
    assert again["files"][0]["sha256"] != first["files"][0]["sha256"]
    assert (again["lines"], again["fetched"]) == (first["lines"], 0)


def test_without_its_hash_replaced_music_would_leave_the_old_episode_standing(
    made: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "sha256_of", lambda _path: "")
    first = made(SCRIPT)
    share(tmp_path, 880.0, replace=True)
    assert made(SCRIPT)["files"] == first["files"]


def test_music_that_was_damaged_here_is_fetched_again(made: Callable[..., Any], tmp_path: Path) -> None:
    first, kept = made(SCRIPT), damaged(tmp_path)
    assert made(SCRIPT)["files"] == first["files"]
    assert kept.read_bytes() == (tmp_path / "theme.wav").read_bytes()


def test_without_a_look_at_its_hash_damaged_music_stays(
    made: Callable[..., Any], client: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(SCRIPT)
    kept = damaged(tmp_path)
    (known,) = (row["sha256"] for row in client.pages("/music", "name"))
    monkeypatch.setattr("pipeline.cli.episode.music.sha256_of", lambda _path: known)
    with pytest.raises(AudioRejected):
        made(SCRIPT)
    assert kept.read_bytes() == b"torn"


def damaged(folder: Path) -> Path:
    (kept,) = (folder / "out" / SHARED).iterdir()
    kept.write_bytes(b"torn")
    return kept


def test_a_file_of_an_earlier_episode_is_named(made: Callable[..., Any], tmp_path: Path) -> None:
    made(SCRIPT, "wav", "flac")
    note = "of an earlier episode, and not built anew: lamp.flac"
    assert note in made(RENAMED, "wav")["notes"]
    assert note in made(RENAMED, "wav")["notes"]
    assert note not in made(RENAMED, "wav", "flac")["notes"]
    assert note in made(RENAMED, "wav")["notes"]
    (tmp_path / "out" / "lamp.flac").unlink()
    assert note not in made(RENAMED, "wav")["notes"]
