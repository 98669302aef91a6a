"""A line that is spoken already becomes the production's, whatever it was called when it was spoken."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.episode import taking_up
from pipeline.cli.episode.script import Script
from pipeline.cli.episode.taking_up import take_up
from pipeline.cli.submission import LocalProject
from pipeline.errors import EnvironmentFault, NotFound

SCRIPT = """---
production: lamp
characters: {HOST: {voice: {system: English_Narrator}}}
episode: {narrator: HOST}
---

One. {#one}

Two. {#two}

Three. {#three}
"""


class Api:
    """Knows some lines of the production, and keeps what is applied."""

    def __init__(self, known: Mapping[str, str] | None, state: str = "done") -> None:
        self.known, self.state = known, state
        self.applied: list[dict[str, Any]] = []

    def pages(self, path: str, cursor: str) -> Iterator[dict[str, Any]]:
        assert (path, cursor) == ("/productions/lamp/lines", "position")
        if self.known is None:
            raise NotFound("There is no production lamp.")
        return iter([{"id": line, "fingerprint": fingerprint} for line, fingerprint in self.known.items()])

    def post(self, path: str, body: dict[str, Any], *, takes_long: bool = False) -> dict[str, Any]:
        assert takes_long or path == "/uploads"
        match path:
            case "/uploads":
                return {"files": []}
            case "/plans":
                return {"digest": "agreed"}
        self.applied.append({"only": body["only"], "budget": body["budget_micros"], "agreed": body["agreed"]})
        return {"id": "run_1", "state": self.state}


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.cli.outcome.watch", lambda _client, run: run)


def script(folder: Path, **spoken: str) -> Script:
    (folder / "lamp.md").write_text(SCRIPT)
    return Script(LocalProject.read(folder / "lamp.md"), "en", (), spoken)


def applied(api: Api, made: Script) -> list[Any]:
    client: Any = api
    take_up(client, made)
    return [one["only"] for one in api.applied]


def test_lines_that_the_production_knows_by_their_takes_are_left_alone(tmp_path: Path) -> None:
    assert applied(Api({"one": "1", "two": "2", "old": "9"}), script(tmp_path, one="1", two="2")) == []
    assert applied(Api(None), script(tmp_path)) == []


def test_only_what_is_spoken_is_taken_up_while_the_rest_waits_to_be_paid_for(tmp_path: Path) -> None:
    api = Api({"one": "1"})
    assert applied(api, script(tmp_path, one="1", two="2")) == [["line:two"]]
    assert api.applied == [{"only": ["line:two"], "budget": 0, "agreed": "agreed"}]


def test_a_line_that_is_known_by_another_take_is_taken_up_as_well(tmp_path: Path) -> None:
    assert applied(Api({"one": "of another text"}), script(tmp_path, one="1")) == [["line:one"]]


def test_a_script_that_is_all_spoken_is_taken_up_whole_so_that_what_it_left_out_goes(tmp_path: Path) -> None:
    assert applied(Api(None), script(tmp_path, one="1", two="2", three="3")) == [[]]


def test_no_plan_is_asked_for_more_lines_than_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_up, "SELECTORS", 1)
    assert applied(Api({}), script(tmp_path, one="1", two="2")) == [["line:one"], ["line:two"]]


def test_a_run_that_does_not_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as raised:
        applied(Api({}, state="stopped"), script(tmp_path, one="1"))
    assert "callsheet status run_1" in raised.value.hint
