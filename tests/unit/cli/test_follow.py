from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.cli import follow
from pipeline.errors import EnvironmentFault, NotFound

Json = dict[str, Any]


def status(
    done: int = 0, total: int = 10, *, state: str = "running", rate: float = 0.0, eta: float | None = None, **takes: int
) -> Json:
    return {
        "state": state,
        "elapsed_seconds": 10.0,
        "takes_per_second": rate,
        "eta_seconds": eta,
        "spent_micros": 2_100_000,
        "takes": {"done": done, "total": total, "failed": 0, "blocked": 0, "speaking": 0, **takes},
        "voices": [{"state": "ready"}, {"state": "making"}],
    }


def test_a_line_tells_voices_takes_money_pace_and_the_time_left() -> None:
    moving = follow.line(status(5, rate=2.5, eta=10.2))
    assert moving == "voices 1/2, takes 5/10, spent $2.10, 2.5 a second, about 10 s left"
    assert follow.line(status(1, rate=0.05, eta=960.0)).endswith("3.0 a minute, about 16 min left")
    assert "not spoken 3" in follow.line(status(5, failed=2, blocked=1))
    assert "left" not in follow.line(status(0))
    assert "left" not in follow.line(status(5, state="done", rate=1.0, eta=1.0))
    assert follow.line(status(9, rate=9.0, eta=0.1)).endswith("about 1 s left")


class Api:
    """Tells one status after the other; an exception is raised. Without events it answers when it is asked."""

    def __init__(self, *answers: Json | Exception, has_events: bool = True) -> None:
        self.answers = list(answers)
        self.has_events = has_events
        self.asked: list[str] = []

    def events(self, path: str) -> Iterator[Json]:
        self.asked.append(path)
        if not self.has_events:
            raise NotFound("no such place")
        while self.answers:
            yield self.next()

    def get(self, path: str) -> Json:
        self.asked.append(path)
        return self.next()

    def next(self) -> Json:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.0)


def test_off_a_terminal_a_line_is_written_at_the_start_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(status(0), status(3), status(6), status(10, state="done"))
    ended = follow.follow(api, "run_1")  # type: ignore[arg-type] # all it asks of the API
    assert ended["state"] == "done"
    written = capsys.readouterr()
    assert written.out == ""
    first, last = written.err.splitlines()
    assert first == "  10.0 s  voices 1/2, takes 0/10, spent $2.10"
    assert last == "  10.0 s  voices 1/2, takes 10/10, spent $2.10"


def test_each_step_is_a_line_where_enough_time_is_between_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "STEP_SECONDS", 0.0)
    api = Api(status(0), status(3), status(3), status(10, state="partial"))
    follow.follow(api, "run_1")  # type: ignore[arg-type] # all it asks of the API
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_an_api_that_is_away_for_a_moment_is_waited_for() -> None:
    away = EnvironmentFault("away")
    api = Api(status(0), away, away, status(10, state="done"))
    assert follow.follow(api, "run_1")["state"] == "done"  # type: ignore[arg-type] # all it asks of the API


def test_an_api_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(EnvironmentFault, match="away"):
        follow.follow(Api(EnvironmentFault("away"), EnvironmentFault("away")), "run_1")  # type: ignore[arg-type] # all it asks of the API


def test_where_no_events_get_through_the_run_is_asked_for_again_and_again() -> None:
    api = Api(status(0), status(3), status(10, state="done"), has_events=False)
    assert follow.follow(api, "run_1")["state"] == "done"  # type: ignore[arg-type] # all it asks of the API
    assert api.asked == ["/runs/run_1/events", "/runs/run_1"] * 3


def test_events_that_break_off_are_listened_to_again() -> None:
    api = Api(status(0), EnvironmentFault("away"), status(10, state="done"))
    assert follow.follow(api, "run_1")["state"] == "done"  # type: ignore[arg-type] # all it asks of the API
    assert api.asked == ["/runs/run_1/events"] * 2


@pytest.mark.parametrize("code", ["run_paused", "systemic_failure"])
def test_watching_a_run_that_a_person_has_to_resume_ends_when_its_calls_have(code: str) -> None:
    paused = {"code": code, "message": "It is paused.", "hint": "callsheet resume run_1"}
    busy, quiet = ({**status(3, speaking=speaking), "paused": paused} for speaking in (2, 0))
    api = Api(busy, quiet, status(10, state="done"))
    assert follow.follow(api, "run_1") == quiet  # type: ignore[arg-type] # all it asks of the API


REFUSED = {"code": "provider_funds", "message": "stage refuses the account (402): top it up; it goes on by itself."}
AWAY = {"code": "provider_failing", "message": "stage does not answer as it should; it goes on by itself."}


def waiting(paused: Json | None, *, spent: int = 0) -> Json:
    return {**status(3), "paused": paused, "spent_micros": spent}


def test_watching_ends_where_a_run_waits_for_a_person(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.0)
    api = Api(waiting(REFUSED), status(10, state="done"))
    assert follow.follow(api, "run_1")["state"] == "running"  # type: ignore[arg-type] # all it asks of the API
    assert "paused: stage refuses the account (402): top it up" in capsys.readouterr().err


def test_a_provider_that_is_away_needs_no_person_and_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAUSE_SECONDS", 0.0)
    api = Api(status(0), waiting(AWAY), waiting(AWAY), status(10, state="done"))
    assert follow.follow(api, "run_1")["state"] == "done"  # type: ignore[arg-type] # all it asks of the API


def test_only_what_is_spent_shows_that_a_refused_run_moves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(follow.time, "monotonic", lambda: float(next(now)))
    standstill = follow.Standstill()
    seen = [
        standstill.seconds(waiting(paused, spent=spent))
        for paused, spent in ((None, 0), (REFUSED, 0), (None, 0), (REFUSED, 0), (REFUSED, 500), (REFUSED, 500))
    ]
    assert seen == [0.0, 1.0, 0.0, 2.0, 1.0, 2.0]


def test_the_line_says_what_share_of_the_pace_is_used_since_calls_were_refused_for_speed() -> None:
    slow = {"provider": "kyma", "calls_at_once": 8, "calls_per_minute": 600, "learnt_share": 0.7}
    assert follow.line(status(3) | {"slowed": slow | {"cooldown_seconds": 0.0}}).endswith("70% of the pace allowed")
    assert follow.line(status(3) | {"slowed": slow | {"cooldown_seconds": 4.0}}).endswith("cooling down")
