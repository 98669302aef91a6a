from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import applying, render
from pipeline.cli.context import context
from pipeline.cli.unlisted import told, unlisted_voices
from pipeline.errors import EnvironmentFault, ExitCode
from tests.support.terminal import Terminal
from workers import local

Json = dict[str, Any]
CAST = "production: game\nlanguage: en\nlines: lines.csv\ncharacters:\n  herald: {voice: {system: English_Narator}}\n"
LISTED = [{"provider_voice_id": "English_Narrator"}, {"provider_voice_id": "English_Captain"}]


class Api:
    """Answers with a list of voices, or raises; remembers whether it was asked."""

    def __init__(self, listed: list[Json] | Exception) -> None:
        self.listed, self.asked = listed, 0

    def get(self, path: str) -> Json:
        self.asked += 1
        assert path == "/system-voices"
        if isinstance(self.listed, Exception):
            raise self.listed
        return {"data": self.listed}


def drawn(*sources: str, kind: str = "system", to_speak: int = 3) -> Json:
    voices = [{"kind": kind, "source": source, "characters": [f"C{n}"]} for n, source in enumerate(sources)]
    return {"voices": voices, "totals": {"lines_to_speak": to_speak}}


def found(api: Api, plan: Json) -> list[Json]:
    return unlisted_voices(api, plan)  # type: ignore[arg-type] # all it asks of the API


def test_a_voice_that_the_provider_does_not_list_is_found_with_the_nearest_one() -> None:
    assert found(Api(LISTED), drawn("English_Narator", "English_Captain")) == [
        {"voice_id": "English_Narator", "characters": ["C0"], "hint": "did you mean English_Narrator?"}
    ]


def test_a_voice_like_no_other_is_found_without_a_guess() -> None:
    assert found(Api(LISTED), drawn("xyz"))[0]["hint"] == ""


def test_nobody_is_asked_where_no_system_voice_is_to_speak() -> None:
    api = Api(LISTED)
    assert found(api, drawn("English_Narator", to_speak=0)) == found(api, drawn("a wizard", kind="designed")) == []
    assert api.asked == 0


def test_a_provider_that_does_not_answer_or_lists_nothing_keeps_no_plan_from_being_read() -> None:
    assert found(Api(EnvironmentFault("away")), drawn("English_Narator")) == []
    assert found(Api([]), drawn("English_Narator")) == []


class Planner(Api):
    """Draws up a plan with a misspelt voice."""

    def post(self, path: str, _body: Json, *, takes_long: bool) -> Json:
        assert (path, takes_long) == ("/plans", True)
        return drawn("English_Narator")

    def rows(self, path: str, _body: Json) -> Iterator[Json]:
        assert path == "/plans/lines"
        return iter([drawn("English_Narator")])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_plan_that_is_only_looked_at_asks_the_provider_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...]
) -> None:
    planner = Planner(LISTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(context, "client", lambda: planner)
    monkeypatch.setattr(local, "ensure", lambda: None)
    monkeypatch.setattr(render, "plan_view", lambda *_, **__: "the plan")
    typed = Terminal(capsys, monkeypatch)
    Path("cast.yaml").write_text(CAST)
    Path("lines.csv").write_text("id,character,text\na_1,herald,Halt!\n")
    assert typed("plan", "cast.yaml", *options)[0] == ExitCode.OK
    assert planner.asked == 0


def test_one_that_is_to_be_carried_out_asks_it_once() -> None:
    planner = Planner(LISTED)
    told_of = applying.draw(planner, {})["unlisted_voices"]  # type: ignore[arg-type] # all it asks of the API
    assert ([voice["voice_id"] for voice in told_of], planner.asked) == (["English_Narator"], 1)


def test_what_is_said_of_a_voice_survives_markup_in_its_name() -> None:
    said = told({"voice_id": "[red]x", "characters": ["[/b]"], "hint": ""}, "stage")
    assert said.startswith("[yellow]voice[/]  stage lists no voice \\[red]x (\\[/b]): A call in a voice that")
