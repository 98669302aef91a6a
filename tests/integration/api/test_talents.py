"""Talents over the API: what is told of them, every line of theirs by pages, and that they may speak no more."""

from typing import Any

import pytest

from tests.integration.api.callers import CAST, FILES, Caller, Json, error
from tests.support.stage import Stage

REASON = "The agency has withdrawn it."
LINES = "id,character,text\n" + "".join(f"open_{n},MARA,Line {n % 4}.\n" for n in range(6)) + "close,HERALD,Nobody.\n"
MANY = {**FILES, "lines.csv": LINES.encode()}
"""Six lines of four sounds."""
SOUNDS = 4


def say(caller: Caller, what: str, name: str = "mara") -> Json:
    answer = caller.post(f"/v1/talents/{name}/{what}", {"reason": REASON, "by": "ann"})
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


@pytest.fixture
def spoken(stage: Stage, studio: Caller) -> Caller:
    """A studio whose talent has spoken every line."""
    studio.started(MANY)
    stage.settle_down(5)
    return studio


def every_line(caller: Caller, limit: int) -> list[Json]:
    """Read the list of lines to its end, page by page."""
    found: list[Json] = []
    while True:
        after = {"after": found[-1]["key"]} if found else {}
        page = caller.get("/v1/talents/MARA/lines", limit=limit, **after).json()
        found += page["data"]
        if not page["has_more"]:
            return found


def test_a_talent_is_listed_with_what_was_spoken_and_what_it_has_cost(spoken: Caller) -> None:
    [mara] = spoken.get("/v1/talents").json()["data"]
    assert (mara["talent"], mara["suspended"], mara["lines"]) == ("mara", None, SOUNDS)
    assert mara["cost_micros"] == SOUNDS * 100 * len("Line 0.")
    shown = spoken.get("/v1/talents/mara").json()
    assert [(one["production"], one["lines"]) for one in shown["productions"]] == [("game", SOUNDS)]
    assert [(one["label"], one["cost_micros"]) for one in shown["voices"]] == [("mara", 2_100_000)]
    assert [one["statement"] for one in shown["consents"]] == ["Nobody's voice."]


@pytest.mark.parametrize("limit", [1, 3])
def test_every_line_is_listed_once_however_it_is_paged_and_costs_add_up(spoken: Caller, limit: int) -> None:
    rows = every_line(spoken, limit)
    lines = [row for row in rows if row["kind"] == "line"]
    assert sorted(row["line"] for row in lines) == [f"open_{n}" for n in range(6)]
    assert {(row["production"], row["language"], row["character"], row["voice"]) for row in lines} == {
        ("game", "en", "MARA", "mara")
    }
    assert len({row["key"] for row in rows}) == len(rows) == 7
    assert sum(row["cost_micros"] for row in lines) == SOUNDS * 100 * len("Line 0.")
    assert all(row["spoken_at"] and row["seconds"] and len(row["consent"]) == 64 for row in rows)


def test_a_line_whose_text_has_changed_stays_on_the_record(stage: Stage, spoken: Caller) -> None:
    spoken.started({**MANY, "lines.csv": LINES.replace("Line 3.", "Line three.").encode()})
    stage.settle_down(5)
    rows = [row for row in every_line(spoken, 2) if row["kind"] == "line"]
    assert len(rows) == 7
    assert len({row["take"] for row in rows}) == SOUNDS + 1


def test_a_suspension_is_told_and_refuses_what_needs_the_talent(spoken: Caller) -> None:
    told = say(spoken, "suspend")
    assert told["suspended"]["reason"] == REASON
    assert told["events"][0] | {"at": ""} == {"action": "suspend", "at": "", "reason": REASON, "by": told_by(spoken)}
    assert told["stopped"]["changed"]
    assert spoken.plan(MANY).status_code == 200
    more = {**MANY, "lines.csv": LINES.replace("Line 3.", "Line three.").encode()}
    spoken.upload(more)
    for answer in (spoken.plan(more), spoken.start(more)):
        assert (answer.status_code, error(answer)["code"]) == (403, "consent_required")
        assert "mara is suspended since 20" in error(answer)["message"]
        assert REASON in error(answer)["message"]
    assert spoken.plan(more, only=["character:HERALD"]).status_code == 200
    said = spoken.post(
        "/v1/productions/game/retakes/plan",
        {"lines": ["open_1"]},
    )
    assert (said.status_code, error(said)["code"]) == (403, "consent_required")
    assert say(spoken, "reinstate")["changed"]
    assert spoken.plan(more).status_code == 200


def told_by(caller: Caller) -> str:
    return f"{'_'.join((caller.key or '').split('_')[:2])} ann"


@pytest.mark.parametrize(
    "change",
    [
        ("talents:\n  mara:", "talents:\n  mara:\n    name: MARA"),
        ("Nobody's voice.", "Renewed."),
        ("talents:\n  mara:", "talents:\n  mara:\n    name: Somebody else"),
    ],
    ids=["case", "record", "name"],
)
def test_an_edited_project_does_not_get_round_a_suspension(spoken: Caller, change: tuple[str, str]) -> None:
    say(spoken, "suspend")
    edited = {
        **MANY,
        "cast.yaml": CAST.replace(*change).encode(),
        "lines.csv": LINES.replace("Line 3", "Row 3").encode(),
    }
    answer = spoken.plan(edited)
    assert (answer.status_code, error(answer)["code"]) == (403, "consent_required")


def test_what_exists_is_delivered_with_the_name_of_who_is_suspended(spoken: Caller) -> None:
    say(spoken, "suspend")
    answer = spoken.get("/v1/productions/game/pack")
    assert answer.status_code == 200, answer.text
    rows = answer.json()["data"]
    assert {(row["character"], row["suspended_talent"], bool(row["url"])) for row in rows} == {
        ("MARA", "mara", True),
        ("HERALD", None, True),
    }


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/lines"), ("POST", "/suspend")])
def test_an_unknown_talent_is_told_which_one_was_meant(spoken: Caller, method: str, path: str) -> None:
    body: dict[str, Any] = {"json": {"reason": REASON}} if method == "POST" else {}
    answer = spoken.send(method, f"/v1/talents/marra{path}", **body)
    assert (answer.status_code, error(answer)["hint"]) == (404, "Did you mean mara?")


def test_another_account_has_no_such_talent(spoken: Caller, caller: Any) -> None:
    stranger = caller()
    assert stranger.get("/v1/talents").json() == {"data": []}
    assert stranger.post("/v1/talents/mara/suspend", {"reason": REASON}).status_code == 404
    assert spoken.get("/v1/talents/mara").json()["suspended"] is None
