"""The reconcile command: what it shows, what it asks, what it sends, and the exit code that says whether any waits."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from pipeline.cli.commands import reconcile
from pipeline.cli.context import context
from pipeline.errors import ExitCode, NotFound
from tests.support.terminal import Terminal
from workers import local

Json = dict[str, Any]
Run = Callable[..., tuple[int, str, str]]

WRITE_OFF = {
    "action": "write_off",
    "effect": "It was charged and is lost: the $2.10 held are booked as a loss.",
    "command": 'callsheet reconcile try_1 --write-off --reason "..."',
}
OPERATOR = {
    "id": "try_1",
    "kind": "clone",
    "label": "[red]mara",
    "production": "game",
    "run": "run_1",
    "provider": "kyma",
    "sent_as": "mara~0001",
    "asked_for": None,
    "held_micros": 2_100_000,
    "sent_at": "2026-11-22T10:00:00.000+00:00",
    "verdict": "charged_voice_lost",
    "told": "A drop of $2.10.",
    "evidence": "<half>",
    "looks": 3,
    "choices": [WRITE_OFF],
}
IN_DOUBT = {
    **OPERATOR,
    "id": "try_2",
    "verdict": None,
    "choices": [],
    "evidence_final_at": "2026-11-22T10:02:00.000+00:00",
    "decided_by": "2026-11-22T10:17:00.000+00:00",
}
ORPHAN = {
    **OPERATOR,
    "id": "orph_1",
    "sent_as": None,
    "attempt": "try_0",
    "voice_id": "kyma_1",
    "cost_micros": 1_990_000,
    "found_at": "2026-11-22T11:00:00.000+00:00",
    "told": None,
    "choices": [{"action": "discard", "effect": "The voice is not used.", "command": "callsheet reconcile orph_1"}],
}
ALL = {"waiting": 3, "in_doubt": [IN_DOUBT], "operator": [OPERATOR], "orphans": [ORPHAN]}
NOTHING = {"waiting": 0, "in_doubt": [], "operator": [], "orphans": []}
DECISION = {
    "action": "write_off",
    "subject": "try_1",
    "by": "cs_1 ines",
    "reason": "It is gone.",
    "at": "2026",
    "id": "d",
}
DECIDE = ("reconcile", "try_1", "--write-off", "--reason", "It is gone.")


class Api:
    """Answers with what it was given, and keeps what it was sent."""

    def __init__(self, waiting: Json, left: int = 0) -> None:
        self.waiting, self.left = waiting, left
        self.sent: list[tuple[str, Json]] = []

    def get(self, path: str, **_: object) -> Json:
        assert path == "/reconcile"
        return self.waiting

    def pages(self, path: str, cursor: str) -> list[Json]:
        assert (path, cursor) == ("/reconcile/decisions", "id")
        return [DECISION]

    def post(self, path: str, body: Json) -> Json:
        self.sent.append((path, body))
        return {"decision": DECISION, "waiting": self.left}


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], Run]:
    """Types a command against an API and returns its exit code, stdout and stderr."""
    monkeypatch.setattr(local, "ensure", lambda: None)

    def against(api: Api) -> Run:
        monkeypatch.setattr(context, "client", lambda: api)
        return Terminal(capsys, monkeypatch)

    return against


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, *, agrees: bool) -> None:
    monkeypatch.setattr(reconcile, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: agrees)


def test_all_that_waits_is_shown_with_its_evidence_and_the_commands_that_decide_it(
    typed: Callable[[Api], Run],
) -> None:
    code, out, _ = typed(Api(ALL))("reconcile")
    assert code == ExitCode.RECONCILE
    for told in (
        "try_1  clone of [red]mara for game, run_1: $2.10 held",
        "sent as mara~0001 to kyma at 2026-11-22T10:00:00.000+00:00",
        "it was charged, and its voice cannot be found",
        "A drop of $2.10.",
        "<half>",
        str(WRITE_OFF["effect"]),
        str(WRITE_OFF["command"]),
        "looked at 3 times; final at 2026-11-22T10:02:00.000+00:00",
        "or by 2026-11-22T10:17:00.000+00:00",
        "orph_1  clone of [red]mara for game, run_1: $1.99 booked",
        "kyma_1 came at 2026-11-22T11:00:00.000+00:00, after try_0 had been given up",
    ):
        assert told in out, told


def test_where_nothing_waits_it_says_so_and_ends_well(typed: Callable[[Api], Run]) -> None:
    assert typed(Api(NOTHING))("reconcile")[:2] == (ExitCode.OK, "Nothing is unclear.\n")


def test_the_list_as_json_is_what_the_api_tells(typed: Callable[[Api], Run]) -> None:
    code, out, _ = typed(Api(ALL))("reconcile", "--json")
    assert (code, json.loads(out)) == (ExitCode.RECONCILE, ALL)


@pytest.mark.parametrize(("left", "code"), [(0, ExitCode.OK), (2, ExitCode.RECONCILE)])
def test_a_decision_is_sent_with_reason_and_name_and_the_exit_code_says_whether_more_waits(
    typed: Callable[[Api], Run], left: int, code: ExitCode
) -> None:
    api = Api(ALL, left)
    ended, out, err = typed(api)(*DECIDE, "--by", "ines", "--yes")
    assert (ended, out) == (code, "")
    assert str(WRITE_OFF["effect"]) in err
    assert ("callsheet plan" in err) == (left == 0)
    body = {"action": "write_off", "voice_id": None, "reason": "It is gone.", "by": "ines"}
    assert api.sent == [("/reconcile/try_1", body)]


def test_a_decision_is_by_the_user_of_the_computer_unless_said_otherwise(
    typed: Callable[[Api], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "os_user", lambda: "root")
    api = Api(ALL)
    code, out, _ = typed(api)(*DECIDE, "--yes", "--json")
    assert (code, json.loads(out)["decision"]) == (ExitCode.OK, DECISION)
    assert api.sent[0][1]["by"] == "root"


@pytest.mark.parametrize("agrees", [True, False])
def test_at_a_terminal_a_person_is_asked_after_being_told_what_it_does_to_the_money(
    typed: Callable[[Api], Run], monkeypatch: pytest.MonkeyPatch, *, agrees: bool
) -> None:
    at_a_terminal(monkeypatch, agrees=agrees)
    api = Api(ALL)
    code, _, err = typed(api)(*DECIDE)
    assert (code, len(api.sent)) == ((ExitCode.OK, 1) if agrees else (ExitCode.INTERRUPTED, 0))
    assert "the $2.10 held are booked as a loss" in err
    assert ("Nothing was decided." in err) is not agrees


def test_off_a_terminal_nothing_is_decided_without_yes(typed: Callable[[Api], Run]) -> None:
    api = Api(ALL)
    code, _, err = typed(api)(*DECIDE)
    assert (code, api.sent) == (ExitCode.USAGE, [])
    assert "--yes" in err


REFUSED = [
    (("try_1",), "A decision is an id and one of"),
    (("--write-off",), "A decision is an id and one of"),
    (("try_1", "--write-off", "--discard", "--reason", "x"), "A decision is one thing"),
    (("try_1", "--decisions"), "A decision is an id and one of"),
    (("try_1", "--write-off"), "needs a reason"),
    (("try_1", "--write-off", "--reason", "  "), "needs a reason"),
    (("try_1", "--discard", "--reason", "x", "--yes"), "no choice for try_1"),
    (("try_2", "--write-off", "--reason", "x", "--yes"), "still being looked for"),
    (("try_3", "--write-off", "--reason", "x", "--yes"), "waits for no decision"),
]


@pytest.mark.parametrize(("arguments", "told"), REFUSED)
def test_what_cannot_be_decided_so_is_a_usage_error_and_sends_nothing(
    typed: Callable[[Api], Run], arguments: tuple[str, ...], told: str
) -> None:
    api = Api(ALL)
    code, out, err = typed(api)("reconcile", *arguments)
    assert (code, out, api.sent) == (ExitCode.USAGE, "", [])
    assert told in err


def test_what_the_api_refuses_is_told_with_its_next_step(
    typed: Callable[[Api], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Json:
        raise NotFound("There is no attempt try_1.", hint="`callsheet reconcile` lists what waits.")

    api = Api(ALL)
    monkeypatch.setattr(api, "post", refuse)
    code, _, err = typed(api)(*DECIDE, "--yes")
    assert code == ExitCode.USAGE
    assert "callsheet reconcile" in err


def test_past_decisions_are_listed_and_leave_well(typed: Callable[[Api], Run]) -> None:
    code, out, _ = typed(Api(ALL))("reconcile", "--decisions")
    assert code == ExitCode.OK
    assert "cs_1 ines" in out
    assert "It is gone." in out
    code, out, _ = typed(Api(ALL))("reconcile", "--decisions", "--json")
    assert json.loads(out) == {"decisions": [DECISION]}
