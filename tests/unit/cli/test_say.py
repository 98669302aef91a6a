"""`callsheet say` as a person types it, with an API of its own behind it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import outcome
from pipeline.cli.commands import say as command
from pipeline.cli.context import Context, context
from pipeline.errors import BudgetExceeded, EnvironmentFault, UsageError
from tests.support.stack import sheet, write_project

Json = dict[str, Any]
SOUND = b"the sound of a word"


class Api:
    """Knows the price of a word until it is said, and its sound from then on."""

    def __init__(self, **change: object) -> None:
        self.said, self.sent = False, SOUND
        self.bodies: list[tuple[str, Json]] = []
        self.change = change

    def post(self, path: str, body: Json, *, takes_long: bool = False) -> Json:
        assert takes_long or path == "/uploads"
        self.bodies.append((path, body))
        match path:
            case "/uploads":
                return {"files": []}
            case "/says":
                self.said = True
                return {"id": "run_1", "state": "done"}
        take = {"url": "at:take", "sha256": hashlib.sha256(SOUND).hexdigest(), "extension": "mp3", "seconds": 1.0}
        told = {"character": "HERALD", "language": "en", "text": body["text"], "said": "ZAL-thar", "digest": "d"}
        money = {"total_micros": 0 if self.said else 420, "over_budget": None}
        return told | money | {"take": take if self.said else None} | self.change

    def download(self, url: str) -> bytes:
        assert url == "at:take"
        return self.sent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(context, "ensure_stack", None)
    monkeypatch.setattr(outcome, "watch", lambda _client, run: run)
    cast = "production: game\ncharacters:\n  HERALD: {voice: {system: narrator}}\nlines: lines.csv\n"
    return write_project(tmp_path / "game", cast, sheet(("a_1", "HERALD", "Halt!")), {})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    def serve(**change: object) -> Api:
        api = Api(**change)
        monkeypatch.setattr(Context, "client", lambda _self: api)
        return api

    return serve


def test_it_shows_how_a_word_is_said_and_its_price_then_fetches_it(
    project: Path, served: Callable[..., Api], capsys: pytest.CaptureFixture[str]
) -> None:
    api = served()
    command.say(project, "Xalthar", yes=True)
    written = capsys.readouterr()
    assert "HERALD (en): Xalthar, said ZAL-thar: $0.000420." in " ".join(written.err.split())
    assert written.out == "say.mp3\n"
    assert Path("say.mp3").read_bytes() == SOUND
    started = next(body for path, body in api.bodies if path == "/says")
    assert (started["agreed"], started["character"], started["text"]) == ("d", "HERALD", "Xalthar")

    api.bodies.clear()
    command.say(project, "Xalthar", out=Path("x/again.mp3"), as_json=True)
    written = capsys.readouterr()
    assert "spoken before, for nothing" in written.err
    assert json.loads(written.out)["file"] == "x/again.mp3"
    assert [path for path, _ in api.bodies] == ["/says/plan"]


def test_nothing_is_said_that_nobody_agreed_to_or_no_cap_has_room_for(
    project: Path, served: Callable[..., Api]
) -> None:
    api = served()
    with pytest.raises(UsageError, match="Nobody is here"):
        command.say(project, "Xalthar")
    over = {"code": "budget_exceeded", "message": "Too much.", "hint": "Raise it."}
    poor = served(over_budget=over)
    with pytest.raises(BudgetExceeded, match="Too much"):
        command.say(project, "Xalthar", yes=True)
    assert not api.said
    assert not poor.said


def test_a_sound_that_does_not_arrive_whole_is_not_kept(project: Path, served: Callable[..., Api]) -> None:
    served().sent = SOUND[:-1]
    with pytest.raises(EnvironmentFault):
        command.say(project, "Xalthar", yes=True)
    assert not Path("say.mp3").exists()


def test_a_run_that_ends_without_it_says_how(
    project: Path, served: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    served()
    monkeypatch.setattr(outcome, "watch", lambda _client, run: {**run, "state": "partial"})
    monkeypatch.setattr(outcome, "report", lambda _run: 3)
    with pytest.raises(typer.Exit) as ended:
        command.say(project, "Xalthar", yes=True)
    assert ended.value.exit_code == 3


def test_of_several_characters_one_has_to_be_named(project: Path, served: Callable[..., Api]) -> None:
    served()
    cast = project / "cast.yaml" if project.is_dir() else project
    cast.write_text(cast.read_text().replace("lines:", "  MARA: {voice: {system: other}}\nlines:"))
    with pytest.raises(UsageError) as refused:
        command.say(project, "Xalthar", yes=True)
    assert "HERALD, MARA" in refused.value.hint
