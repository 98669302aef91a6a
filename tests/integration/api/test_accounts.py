"""Nothing crosses accounts."""

from collections.abc import Callable

import pytest

from tests.integration.api.callers import FILES, Caller, error, sha256
from tests.support import factories
from tests.support.stage import Stage

EMPTY: tuple[tuple[str, object], ...] = (
    ("/v1/runs", {"data": [], "has_more": False}),
    ("/v1/productions", {"data": []}),
    ("/v1/voices", {"data": [], "unclear": []}),
)


@pytest.fixture
def other(studio: Caller, caller: Callable[[], Caller], stage: Stage) -> Caller:
    """A second account, beside one whose run has made and paid for something."""
    studio.started()
    stage.work()
    return caller()


@pytest.mark.parametrize(("path", "expected"), EMPTY)
def test_a_list_holds_nothing_of_another_account(other: Caller, path: str, expected: object) -> None:
    assert other.get(path).json() == expected


def test_a_ledger_holds_nothing_of_another_account(studio: Caller, other: Caller) -> None:
    run = studio.get("/v1/runs/latest").json()
    assert run["spent_micros"] > 0
    nothing = {"spent_micros": 0, "estimated_micros": 0, "held_micros": 0, "cap_micros": None, "by_kind": {}}
    empty: dict[str, object] = {"data": [], "has_more": False}
    for params in ({}, {"run": run["id"]}):
        assert other.get("/v1/ledger", **params).json() == empty | {"balance": nothing}
    assert other.get("/v1/ledger", after=studio.account_id).json() == empty
    for by in ("line", "voice", "production", "run"):
        assert studio.get("/v1/ledger/statement", by=by).json()["data"]
        assert other.get("/v1/ledger/statement", by=by).json() == empty


def test_a_foreign_run_is_as_unknown_as_one_that_never_was(studio: Caller, other: Caller) -> None:
    foreign, unknown = studio.get("/v1/runs/latest").json()["id"], factories.an_id("run")
    answers = [other.get(f"/v1/runs/{run}") for run in (foreign, unknown)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(foreign, unknown) == answers[1].text
    assert error(other.get("/v1/runs/latest"))["code"] == "not_found"


@pytest.mark.parametrize("what", ["lines", "pack"])
def test_a_foreign_production_is_as_unknown_as_one_that_never_was(studio: Caller, other: Caller, what: str) -> None:
    assert studio.get(f"/v1/productions/game/{what}").status_code == 200
    foreign, unknown = (other.get(f"/v1/productions/{name}/{what}") for name in ("game", "none"))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.text.replace("game", "none") == unknown.text


def test_what_another_account_has_made_makes_no_plan_cheaper(studio: Caller, other: Caller) -> None:
    mine, theirs = (who.plan().json()["totals"] for who in (studio, other))
    assert mine["total_micros"] == 0
    assert (theirs["voices_to_make"], theirs["lines_to_speak"]) == (1, 2)


def test_a_file_that_another_account_has_uploaded_has_to_be_uploaded(studio: Caller, other: Caller) -> None:
    wanted = {"files": [{"sha256": sha256(body), "bytes": len(body)} for body in FILES.values()]}
    assert all(file["present"] for file in studio.post("/v1/uploads", wanted).json()["files"])
    for file in other.post("/v1/uploads", wanted).json()["files"]:
        assert not file["present"]
        assert other.account_id in file["form"]["fields"]["key"]
    assert error(other.start())["code"] == "invalid_sheet"


def test_two_accounts_may_have_a_production_of_the_same_name(studio: Caller, other: Caller) -> None:
    before = studio.get("/v1/productions/game/lines").json()
    other.started({**FILES, "lines.csv": b"id,character,text\nother_1,HERALD,Mine.\n"})
    assert [line["id"] for line in other.get("/v1/productions/game/lines").json()["data"]] == ["other_1"]
    assert studio.get("/v1/productions/game/lines").json() == before
