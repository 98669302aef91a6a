"""What was stopped in the middle goes on with the same command."""

from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import applying, outcome
from pipeline.cli.commands import episode as command
from pipeline.cli.submission import LocalProject
from pipeline.errors import ExitCode
from pipeline.ledger.money import BudgetMode

SCRIPT = """---
production: lamp
characters: {HOST: {voice: {system: English_Narrator}}}
episode: {narrator: HOST}
---

A lamp.
"""


class Api:
    """An account with a run under way; its plans are those given, one after another."""

    def __init__(self, *plans: dict[str, Any]) -> None:
        self.plans = list(plans)

    def post(self, path: str, body: object, *, takes_long: bool = False) -> dict[str, Any]:
        if path == "/runs":
            raise KeyboardInterrupt
        assert path != "/plans" or takes_long, body
        return self.plans.pop(0) if path == "/plans" else {"files": []}

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/runs"
        every = [("r3", "lamp", "running"), ("r2", "other", "running"), ("r1", "lamp", "done")]
        return {"data": [{"id": run, "production": name, "state": state} for run, name, state in every]}


def plan(**by_reason: int) -> dict[str, Any]:
    totals = {"lines_to_speak": 0, "voices_to_make": 0, "total_micros": 0}
    reasons = {reason.replace("_", " "): count for reason, count in by_reason.items()}
    return {"voices": [], "totals": totals, "by_reason": reasons, "digest": "d", "over_budget": None}


@pytest.fixture
def local(tmp_path: Path) -> LocalProject:
    (tmp_path / "lamp.md").write_text(SCRIPT)
    return LocalProject.read(tmp_path / "lamp.md")


@pytest.mark.parametrize(("first", "watched"), [({"under_way": 1}, ["r3"]), ({"reused": 1}, [])])
def test_a_run_that_is_under_way_is_waited_for(
    local: LocalProject, monkeypatch: pytest.MonkeyPatch, first: dict[str, int], watched: list[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(outcome, "watch", lambda _client, run: seen.append(run["id"]))
    api: Any = Api(plan(**first), plan(reused=1))
    command._speak(api, local, lambda: None, None, BudgetMode.HARD, yes=False)
    assert seen == watched


def test_who_stops_a_run_while_it_is_started_is_told_that_it_may_go_on(
    local: LocalProject, capsys: pytest.CaptureFixture[str]
) -> None:
    api: Any = Api()
    with pytest.raises(typer.Exit) as left:
        applying.start(api, local, plan(), {})
    assert left.value.exit_code == ExitCode.INTERRUPTED
    assert "callsheet status" in capsys.readouterr().err


def test_who_stops_the_building_is_told_that_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, command._building():
        raise KeyboardInterrupt
    assert left.value.exit_code == ExitCode.INTERRUPTED
    assert "goes on from there" in capsys.readouterr().err
