from typing import Any

import pytest

from pipeline.cli import follow
from pipeline.errors import EnvironmentFault

Json = dict[str, Any]


def status(done: int = 0, total: int = 10, *, state: str = "running", seconds: float = 10.0, **takes: int) -> Json:
    return {
        "state": state,
        "elapsed_seconds": seconds,
        "spent_micros": 2_100_000,
        "takes": {"done": done, "total": total, "failed": 0, "blocked": 0, **takes},
        "voices": [{"state": "ready"}, {"state": "making"}],
    }


def told(status: Any) -> str:
    return follow.line(status, follow.eta_seconds(status))


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (status(0), None),
        (status(5), 10.0),
        (status(5, failed=2, blocked=1), 4.0),
        (status(10), 0.0),
        (status(0, total=0), None),
        (status(1, total=100_000, seconds=0.5), 49_999.5),
    ],
)
def test_the_time_left_goes_by_the_pace_of_the_takes_so_far(given: Json, seconds: float | None) -> None:
    assert follow.eta_seconds(given) == seconds


def test_a_line_tells_voices_takes_money_and_the_time_left() -> None:
    assert told(status(5)) == "voices 1/2, takes 5/10, spent $2.10, about 10 s left"
    assert told(status(1, total=100)).endswith("about 16 min left")
    assert "not spoken 3" in told(status(5, failed=2, blocked=1))
    assert "left" not in told(status(0))
    assert "left" not in told(status(5, state="done"))
    assert told(status(9, seconds=0.1)).endswith("about 1 s left")


class Api:
    """Answers with one status after the other; an exception is raised."""

    def __init__(self, *answers: Json | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get(self, path: str) -> Json:
        self.asked.append(path)
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
        follow.follow(Api(EnvironmentFault("away")), "run_1")  # type: ignore[arg-type] # all it asks of the API


def test_the_estimate_follows_the_pace_of_the_last_while() -> None:
    eta = follow.Eta()
    slow = [eta.seconds(status(done, total=100, seconds=seconds)) for done, seconds in ((1, 100.0), (1, 110.0))]
    assert slow == [9900.0, None]  # at first all there is to go by; then nothing has moved
    fast = [eta.seconds(status(done, total=100, seconds=seconds)) for done, seconds in ((11, 120.0), (21, 130.0))]
    assert fast[-1] == pytest.approx(20.0 / 20 * 79)


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
