"""A run is paused, resumed, cancelled and retried through the API, each in the account of its key alone."""

from collections.abc import Callable

import pytest

from pipeline.provider.errors import Refused
from tests.integration.api.callers import Caller, error
from tests.support.stage import Stage


def test_a_run_is_paused_and_resumed(studio: Caller, stage: Stage) -> None:
    started = studio.started()
    held = studio.post("/v1/runs/latest/pause", {}).json()
    assert (held["id"], held["paused"]["code"]) == (started["id"], "run_paused")
    stage.work()
    assert not stage.provider.speech_calls
    assert studio.post("/v1/runs/latest/resume", {}).json()["paused"] is None
    stage.work()
    assert studio.get("/v1/runs/latest").json()["state"] == "done"


def test_the_name_of_a_production_stands_for_its_newest_run(studio: Caller, caller: Callable[[], Caller]) -> None:
    started = studio.started()
    assert studio.get("/v1/runs/game").json()["id"] == started["id"]
    assert error(studio.post("/v1/runs/game/resume", {}))["message"] == "No run of game is paused."
    assert studio.post("/v1/runs/game/pause", {}).json()["id"] == started["id"]
    assert studio.post("/v1/runs/game/resume", {}).json()["paused"] is None
    assert error(studio.get("/v1/runs/gome"))["message"] == "There is no run and no production gome."
    assert caller().get("/v1/runs/game").status_code == 404


def test_a_run_is_cancelled_whole_or_in_part(studio: Caller, stage: Stage) -> None:
    studio.started()
    part = studio.post("/v1/runs/latest/cancel", {"characters": ["HERALD"]}).json()
    # Two lines that sound alike are one take.
    assert part["cancelled"] == {"takes": 1, "speaking": 0}
    assert part["state"] == "running"
    whole = studio.post("/v1/runs/latest/cancel", {}).json()
    assert (whole["cancelled"], whole["reason"]) == (None, "cancelled")
    stage.settle_down(2)
    assert studio.get(f"/v1/runs/{whole['id']}").json()["state"] == "stopped"
    assert not stage.provider.speech_calls


def test_what_failed_is_retried_at_the_price_that_was_shown(studio: Caller, stage: Stage) -> None:
    stage.provider.will_speak(Refused("not today"))
    first = studio.started()
    stage.settle_down(2)
    shown = studio.post("/v1/runs/latest/retry/plan", {}).json()
    assert (shown["run"], shown["lines"], shown["over_budget"]) == (first["id"], 1, None)
    short = studio.post("/v1/runs/latest/retry", {"budget_micros": 0, "agreed": shown["digest"]})
    assert (short.status_code, error(short)["code"]) == (402, "budget_exceeded")
    started = studio.post("/v1/runs/latest/retry", {"agreed": shown["digest"]})
    assert started.status_code == 201
    stage.settle_down(2)
    ended = studio.get(f"/v1/runs/{started.json()['id']}").json()
    assert (ended["state"], ended["spent_micros"]) == ("done", shown["total_micros"])
    nothing = studio.post(f"/v1/runs/{first['id']}/retry", {})
    assert (nothing.status_code, error(nothing)["code"]) == (409, "conflict")


@pytest.mark.parametrize("action", ["pause", "resume", "cancel", "retry", "retry/plan"])
def test_a_run_of_another_account_is_not_there(studio: Caller, caller: Callable[[], Caller], action: str) -> None:
    theirs = studio.started()["id"]
    answer = caller().post(f"/v1/runs/{theirs}/{action}", {})
    assert (answer.status_code, error(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_a_run_that_is_over_cannot_be_held_up(studio: Caller, stage: Stage, action: str) -> None:
    ended = studio.started()["id"]
    stage.work()
    answer = studio.post(f"/v1/runs/{ended}/{action}", {})
    assert (answer.status_code, error(answer)["code"]) == (409, "conflict")
    assert error(answer)["hint"]
    latest = studio.post(f"/v1/runs/latest/{action}", {})
    assert (latest.status_code, error(latest)["code"]) == (404, "not_found")


def test_a_line_that_nobody_has_written_is_named(studio: Caller) -> None:
    studio.started()
    for path in ("cancel", "retry/plan"):
        answer = studio.post(f"/v1/runs/latest/{path}", {"lines": ["open_9"]})
        assert (answer.status_code, "open_9" in error(answer)["message"]) == (404, True)
