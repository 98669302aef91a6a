"""Takes of single lines through the API and the commands, each in the account of its key alone."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from pipeline.cli.client import Client
from pipeline.cli.context import context
from pipeline.errors import ExitCode
from pipeline.quality import Outcome
from pipeline.settings import Settings
from pipeline.speech.models import Take
from tests.integration.api.callers import FILES, HOST, LINES, Caller, error
from tests.support.ears import bad, unchecked
from tests.support.stage import Stage
from tests.support.terminal import Terminal
from workers import local

GAME = "/v1/productions/game"
REVISED = FILES | {"lines.csv": LINES.replace("Who goes there?", "Halt!").encode()}
PATHS = ("takes", "review", "retakes", "retakes/plan", "choices", "verdicts", "locks", "unlocks")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def spoken(studio: Caller, stage: Stage) -> Caller:
    """An account whose production is spoken."""
    studio.started()
    stage.settle_down(3)
    return studio


def takes(caller: Caller, line: str = "open_1") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = caller.get(f"{GAME}/takes", line=line).json()["data"]
    return listed


def test_a_retake_costs_what_was_shown_and_is_what_a_pack_delivers(spoken: Caller, stage: Stage) -> None:
    shown = spoken.post(f"{GAME}/retakes/plan", {"lines": ["open_1"], "count": 2}).json()
    assert (shown["takes"], shown["total_micros"], shown["over_budget"]) == (2, 3_000, None)
    wish = {"lines": ["open_1"], "count": 2, "direction": "warmer", "agreed": shown["digest"]}
    short = spoken.post(f"{GAME}/retakes", wish | {"budget_micros": 0})
    assert (short.status_code, error(short)["code"]) == (402, "budget_exceeded")
    started = spoken.post(f"{GAME}/retakes", wish)
    assert started.status_code == 201
    stage.settle_down(2)
    assert spoken.get(f"/v1/runs/{started.json()['id']}").json()["spent_micros"] == 3_000
    listed = takes(spoken)
    assert [(take["number"], take["chosen"], take["direction"]) for take in listed] == [
        (1, False, ""),
        (2, False, "warmer"),
        (3, True, "warmer"),
    ]
    assert [take["file"] for take in listed] == [f"open_1.{number}.wav" for number in (1, 2, 3)]
    pack = {row["id"]: row["take"] for row in spoken.get(f"{GAME}/pack").json()["data"]}
    assert pack["open_1"] == listed[2]["take"]
    back = spoken.post(f"{GAME}/choices", {"line": "open_1", "number": 1}).json()["data"]
    assert [take["chosen"] for take in back] == [True, False, False]


def test_a_verdict_says_who_and_why(spoken: Caller) -> None:
    body = {"lines": ["open_1"], "verdict": "rejected", "note": "Too fast.", "by": "ines"}
    told = spoken.post(f"{GAME}/verdicts", body).json()["data"][0]
    assert (told["verdict"], told["note"], told["decided_by"].split()[1]) == ("rejected", "Too fast.", "ines")
    assert spoken.get("/v1/runs/latest").json()["wanting_retakes"] == {"count": 1, "lines": ["open_1"]}
    assert spoken.plan().json()["by_reason"] == {"retake": 1, "reused": 2}


def test_a_lock_is_a_conflict_on_the_plan_with_both_texts(spoken: Caller) -> None:
    locked = spoken.post(f"{GAME}/locks", {"characters": ["MARA"], "by": "ines"}).json()
    assert (locked["locked"], locked["unspoken"]) == (1, [])
    line = spoken.plan(REVISED).json()["lines"][0]
    assert (line["reason"], line["price"]) == ("locked-conflict", 0)
    assert line["conflict"] == {"locked_text": "Who goes there?", "sheet_text": "Halt!"}
    assert spoken.post(f"{GAME}/unlocks", {"lines": ["open_1"]}).json()["unlocked"] == 1
    assert spoken.plan(REVISED).json()["lines"][0]["reason"] == "text"


BODIES: dict[str, dict[str, object]] = {
    "retakes": {"lines": ["open_1"]},
    "retakes/plan": {"lines": ["open_1"]},
    "choices": {"line": "open_1", "number": 1},
    "verdicts": {"lines": ["open_1"], "verdict": "approved"},
    "locks": {"lines": ["open_1"]},
    "unlocks": {"lines": ["open_1"]},
}


@pytest.mark.parametrize("path", BODIES)
def test_a_production_of_another_account_is_not_there(spoken: Caller, caller: Callable[[], Caller], path: str) -> None:
    stranger = caller()
    assert spoken.post(f"{GAME}/{path}", BODIES[path]).status_code in {200, 201}
    for answer in (stranger.post(f"{GAME}/{path}", BODIES[path]), stranger.get(f"{GAME}/takes", line="open_1")):
        assert (answer.status_code, error(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", BODIES)
def test_a_line_that_nobody_has_written_is_named(spoken: Caller, path: str) -> None:
    named = {"line": "open_9"} if path == "choices" else {"lines": ["open_9"]}
    answer = spoken.post(f"{GAME}/{path}", BODIES[path] | named)
    assert (answer.status_code, "open_9" in error(answer)["message"]) == (404, True)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("retakes", {"lines": []}),
        ("retakes", {"count": 0}),
        ("retakes", {"count": 21}),
        ("retakes", {"direction": "x" * 2_001}),
        ("choices", {"number": 0}),
        ("verdicts", {"verdict": "liked"}),
        ("locks", {"line": ["open_1"]}),
    ],
)
def test_what_is_not_valid_is_refused_with_its_place(studio: Caller, path: str, wrong: dict[str, object]) -> None:
    answer = studio.post(f"{GAME}/{path}", BODIES[path] | wrong)
    assert (answer.status_code, next(iter(wrong)) in error(answer)["message"]) == (422, True)


class InProcess(httpx.BaseTransport):
    """Answers requests by calling the API."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            answered = await self._transport.handle_async_request(request)
            return httpx.Response(answered.status_code, headers=answered.headers, content=await answered.aread())

        return asyncio.run(answer())


@pytest.fixture
def run(
    spoken: Caller, app: FastAPI, stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Types a command that reaches the API in this process, and returns its exit code, stdout and stderr."""
    client = Client(Settings(api_url=HOST, api_key=spoken.key))  # type: ignore[arg-type] # pydantic makes a secret of it
    http = httpx.Client(base_url=HOST, transport=InProcess(app), headers={"Authorization": f"Bearer {spoken.key}"})
    monkeypatch.setattr(client, "_http", http)
    monkeypatch.setattr(client, "download", lambda url: stage.store.fetch(url)[0])
    monkeypatch.setattr(context, "client", lambda: client)
    monkeypatch.setattr(local, "ensure", lambda: None)
    return Terminal(capsys, monkeypatch)


def test_a_line_is_retaken_compared_restored_and_judged_by_commands(
    run: Run, spoken: Caller, stage: Stage, tmp_path: Path
) -> None:
    code, out, err = run("retake", "game", "open_1", "--direction", "warmer")
    assert (code, out) == (ExitCode.USAGE, "")  # nobody is here to agree to the price
    assert "$0.001500" in err
    code, out, _ = run("retake", "game", "open_1", "--direction", "warmer", "--yes", "--detach", "--json")
    assert (code, json.loads(out)["estimate_micros"]) == (0, 1_500)
    stage.settle_down(2)
    code, out, _ = run("takes", "game", "open_1", "--fetch", str(tmp_path / "compare"), "--json")
    assert [(take["number"], take["chosen"]) for take in json.loads(out)["data"]] == [(1, False), (2, True)]
    assert sorted(path.name for path in (tmp_path / "compare").iterdir()) == ["open_1.1.wav", "open_1.2.wav"]
    code, out, _ = run("choose", "game", "open_1", "1", "--json")
    assert [take["chosen"] for take in json.loads(out)["data"]] == [True, False]
    code, out, err = run("reject", "game", "open_1", "--note", "Too fast.")
    assert "Too fast." in out
    assert "callsheet retake game open_1" in err
    code, out, _ = run("approve", "game", "open_1", "--take", "2")
    assert (code, "approved" in out) == (0, True)
    assert [take["verdict"] for take in takes(spoken)] == ["rejected", "approved"]


def test_lines_are_locked_and_unlocked_by_commands(run: Run, spoken: Caller) -> None:
    assert "2 more lines are locked now" in run("lock", "game", "--character", "HERALD")[2]
    assert takes(spoken, "open_2")[0]["locked"]
    code, _, err = run("retake", "game", "open_2", "--yes")
    assert (code, "callsheet unlock game open_2" in err) == (ExitCode.USAGE, True)
    assert "1 line is unlocked" in run("unlock", "game", "open_2")[2]
    assert (run("lock", "game")[0], run("unlock", "game", "open_9")[0]) == (ExitCode.USAGE, ExitCode.USAGE)


def test_lines_that_were_found_bad_are_in_review_until_a_person_has_decided(studio: Caller, stage: Stage) -> None:
    stage.ears.will_find(*[lambda _, expected: bad() if expected.text == "Who goes there?" else unchecked()] * 9)
    studio.started()
    stage.settle_down(3)
    status = studio.get("/v1/runs/latest").json()
    assert status["heard"] == {"on": True, "due": 0, "good": 0, "bad": 1, "unchecked": 1}
    assert status["in_review"] == {"count": 1, "lines": ["open_1"]}
    listed = studio.get(f"{GAME}/review", limit=1).json()
    assert [(row["line"], row["number"], row["tries"], row["sequel"]) for row in listed["data"]] == [
        ("open_1", 1, 1, "off")
    ]
    assert listed["data"][0]["checks"][0]["name"] == "clipping"
    assert (listed["has_more"], listed["unchecked"]) == (False, {"there is no aligner for the language 'de'": 2})
    assert (takes(studio)[0]["heard"], takes(studio)[0]["heard_why"][:11]) == ("bad", "It is clipp")
    studio.post(f"{GAME}/verdicts", {"lines": ["open_1"], "verdict": "approved", "note": "", "by": "ines"})
    assert studio.get(f"{GAME}/review").json()["data"] == []
    assert studio.get("/v1/runs/latest").json()["in_review"]["count"] == 0


def test_all_lines_in_review_are_retaken_by_one_command(run: Run, spoken: Caller, stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.text == "Who goes there?").values(outcome=Outcome.BAD, verdict={}))
    code, out, _ = run("takes", "game", "--review", "--json")
    assert (code, [row["line"] for row in json.loads(out)["data"]]) == (ExitCode.OK, ["open_1"])
    code, _, err = run("retake", "game", "--review", "--yes", "--detach")
    assert code == ExitCode.OK, err
    stage.settle_down(3)
    assert [take["chosen"] for take in takes(spoken)] == [False, True]
    code, _, err = run("retake", "game", "--review", "--yes")
    assert (code, "No line of game is in review" in err) == (ExitCode.USAGE, True)
    assert run("takes", "game", "open_1", "--review")[0] == run("retake", "game")[0] == ExitCode.USAGE


def test_lines_are_selected_as_plans_select_them(run: Run, spoken: Caller, stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.text == "Who goes there?").values(outcome=Outcome.BAD, verdict={}))

    def listed(*only: str) -> list[str]:
        terms = [word for term in only for word in ("--only", term)]
        code, out, err = run("takes", "game", *terms, "--json")
        return [take["line"] for take in json.loads(out)["data"]] if code == ExitCode.OK else [err]

    assert listed("state:review") == ["open_1"]
    assert listed("line:open_*") == ["open_1", "open_2", "open_3"]
    assert "No line of game fits line:open_2, state:review." in listed("line:open_2", "state:review")[0]
    assert "Allowed: review, rejected, failed." in listed("changed")[0]
    assert "Did you mean review?" in listed("state:reviw")[0]
    assert run("retake", "game", "--only", "state:review", "--yes", "--detach")[0] == ExitCode.OK
    stage.settle_down(3)
    assert [take["chosen"] for take in takes(spoken)] == [False, True]
    assert run("retake", "game", "open_1", "--only", "state:review", "--yes")[0] == ExitCode.USAGE


def test_a_locked_line_is_left_out_of_what_is_selected_to_be_retaken_and_named(
    run: Run, spoken: Caller, stage: Stage
) -> None:
    with stage.database.write() as session:
        session.execute(update(Take).values(outcome=Outcome.BAD, verdict={}))
    assert run("lock", "game", "--only", "line:open_2")[0] == ExitCode.OK
    code, _, err = run("retake", "game", "--review", "--yes", "--detach")
    assert (code, "left out  open_2: locked." in err) == (ExitCode.OK, True), err
    stage.settle_down(3)
    assert [len(takes(spoken, line)) for line in ("open_1", "open_2")] == [2, 1]
    assert "1 line is unlocked" in run("unlock", "game", "--only", "line:open_?")[2]
    run("lock", "game", "--character", "MARA", "--character", "HERALD")
    code, _, err = run("retake", "game", "--only", "line:open_*", "--yes")
    assert (code, "None of the lines that are selected can be taken: 3 locked." in err) == (ExitCode.USAGE, True)


def test_more_lines_than_a_retake_takes_are_refused_with_what_takes_them(
    run: Run, spoken: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.commands.takes.LINES_RETAKEN", 2)
    code, _, err = run("retake", "game", "--only", "line:open_*", "--yes")
    assert (code, "3 lines are more than are retaken at once (2)" in err) == (ExitCode.USAGE, True)
    assert "callsheet apply --fresh" in err
    assert len(takes(spoken)) == 1


def test_lines_are_approved_and_rejected_as_they_are_selected(
    run: Run, spoken: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.commands.takes.JUDGED_AT_ONCE", 1)  # by several requests
    code, out, _ = run("approve", "game", "--only", "character:MARA", "--json")
    approved = {take["line"] for take in json.loads(out)["data"] if take["verdict"] == "approved"}
    assert (code, bool(approved)) == (ExitCode.OK, True)
    assert approved == {line["id"] for line in spoken.get(f"{GAME}/lines").json()["data"] if line["verdict"]}
    code, _, err = run("reject", "game", "--only", "line:open_1", "--note", "Too fast.")
    assert (code, "callsheet retake game --only line:open_1" in err) == (ExitCode.OK, True)
    assert takes(spoken)[0]["verdict"] == "rejected"
    code, out, _ = run("takes", "game", "--only", "state:rejected", "--json")
    assert {take["line"] for take in json.loads(out)["data"]} == {"open_1"}
    assert "Which lines?" in run("approve", "game")[2]
    assert "Leave the ids or --only out." in run("reject", "game", "open_1", "--only", "lang:en", "--note", "x")[2]
