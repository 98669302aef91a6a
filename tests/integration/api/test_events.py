"""Whoever watches a run is told what happens to it, and costs neither threads nor questions of their own."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from pipeline import views
from pipeline.api import events
from tests.integration.api.callers import Caller, error
from tests.support.stage import Stage

Json = dict[str, Any]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the API on a socket: only there a watcher can go away."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        (port,) = (listener.getsockname()[1] for one in server.servers for listener in one.sockets)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def wait_for(is_so: Any) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@contextmanager
def watching(url: str, caller: Caller, run_id: str = "latest", **headers: str) -> Iterator[Iterator[Json]]:
    asked = {"Authorization": f"Bearer {caller.key}", **headers}
    with httpx.stream("GET", f"{url}/v1/runs/{run_id}/events", headers=asked, timeout=20, trust_env=False) as answer:
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        yield heard(answer)


def heard(answer: httpx.Response) -> Iterator[Json]:
    event: Json = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(":")
        if name in {"event", "id", "data"}:
            event[name] = json.loads(value) if name == "data" else value.strip()
        elif not line and event:
            yield event
            event = {}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.05)


def test_a_run_is_told_from_its_start_to_its_end(app: FastAPI, studio: Caller, stage: Stage) -> None:
    started = studio.started()["id"]
    with served(app) as url, watching(url, studio) as told:
        assert next(told)["data"]["takes"]["done"] == 0
        stage.work()
        *_, last = told
    assert (last["event"], last["data"]["state"]) == ("end", "done")
    same = studio.get(f"/v1/runs/{started}").json()
    assert {name: last["data"][name] for name in same} == same


def test_whoever_comes_back_hears_only_what_is_new(app: FastAPI, studio: Caller, stage: Stage) -> None:
    studio.started()
    with served(app) as url:
        with watching(url, studio) as told:
            first = next(told)
        with watching(url, studio, **{"Last-Event-ID": first["id"]}) as told:
            stage.work()
            assert next(told)["id"] != first["id"]


def test_a_run_in_which_nothing_happens_is_told_anew_all_the_same(
    app: FastAPI, studio: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "QUIET_SECONDS", 0.1)
    studio.started()
    with served(app) as url, watching(url, studio) as told:
        assert next(told)["id"] == next(told)["id"]


def test_many_who_watch_one_run_ask_the_database_no_more_than_one(
    studio: Caller, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.started()
    reads: list[str] = []
    working = views.run_status

    def counted(*given: Any) -> Json:
        reads.append("once more")
        return working(*given)

    monkeypatch.setattr(views, "run_status", counted)
    lookout = events.Lookout()

    async def watch(told: int = 0) -> None:
        async for _ in lookout.statuses("run", lambda: events._read(stage.edge, studio.account_id, "latest")):
            told += 1
            if told == 3 and lookout.watched == 100:
                stage.work()

    async def all_watch() -> None:
        await asyncio.gather(*(watch() for _ in range(100)))

    began = time.monotonic()
    asyncio.run(all_watch())
    assert len(reads) <= 2 + (time.monotonic() - began) / (events.LOOK_SECONDS / 2)
    assert lookout.watched == 0


def test_a_watcher_that_goes_away_is_watched_for_no_more(app: FastAPI, studio: Caller) -> None:
    studio.started()
    with served(app) as url:
        with watching(url, studio) as told:
            next(told)
            assert app.state.lookout.watched == 1
        wait_for(lambda: app.state.lookout.watched == 0)


def test_what_is_not_there_is_an_error_and_no_stream(studio: Caller, stranger: Caller) -> None:
    assert error(studio.get("/v1/runs/run_x/events"))["code"] == "not_found"
    assert stranger.get("/v1/runs/run_x/events").status_code == 401
