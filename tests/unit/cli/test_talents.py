"""talents, suspend and reinstate as a person types them: what is asked of the API, what is shown, which exit code."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.client import Client
from pipeline.cli.context import context
from pipeline.errors import ExitCode
from pipeline.settings import load_settings
from tests.support.terminal import Terminal
from workers import local

Json = dict[str, Any]
Run = Callable[..., tuple[int, str, str]]
SUSPENDED = {"since": "2026-11-23T10:00:00.000+00:00", "reason": "left [the] cast"}
STOPPED = {"changed": True, "lines": 1_204, "first_words": 1, "voices": 2, "runs": ["run_1"]}
UNDER_WAY = {"lines_under_way": 3, "voices_under_way": 0}
BRIEF = {"talent": "Mara Quill", "suspended": SUSPENDED, "lines": 3, "seconds": 4.5, "cost_micros": 4_500}
CONSENT = {
    "sha256": "ab" * 32,
    "declared_at": "2026-01-31T00:00",
    "granted_by": "Mara",
    "scope": {"productions": ["game"]},
}
MARA: Json = {
    **BRIEF,
    "consents": [
        CONSENT | {"granted_by": "Mara", "granted_on": "2026-01-31", "expires_on": None, "statement": "I allow it."}
    ],
    "voices": [{"label": "mara", "provider": "kyma", "voice_id": "kyma_1", "state": "ready", "lapses_at": None}],
    "events": [{"action": "suspend", "at": "2026-11-23", "reason": "left", "by": "cs_1 ann"}],
    "productions": [{"production": "game", "lines": 3, "seconds": 4.5, "cost_micros": 4_500}],
}
MARA["voices"][0] |= {"id": "voice_1", "message": None, "cost_micros": 2_100_000}


def row(number: int) -> Json:
    spoken = {"seconds": 1.5, "cost_micros": 1_500, "voice": "mara", "consent": "ab" * 32, "kind": "line"}
    line = {"production": "game", "line": f"=line_{number}", "language": "en", "character": "MARA"}
    return {"key": f"take_{number}/p/l", "take": f"take_{number}", "spoken_at": "2026-11-23", **line, **spoken}


def answered(request: httpx.Request) -> httpx.Response:
    match request.method, request.url.path:
        case "GET", "/v1/talents":
            return httpx.Response(200, json={"data": [MARA]})
        case "GET", "/v1/talents/Mara Quill/lines":
            left = [row(number) for number in range(5) if row(number)["key"] > request.url.params.get("after", "")]
            return httpx.Response(200, json={"data": left[:2], "has_more": len(left) > 2})
        case "GET", "/v1/talents/Mara Quill":
            return httpx.Response(200, json=MARA)
        case "POST", "/v1/talents/Mara Quill/suspend":
            assert json.loads(request.content)["reason"] == "left the cast"
            return httpx.Response(200, json=MARA | {"stopped": STOPPED | UNDER_WAY})
        case "POST", "/v1/talents/Mara Quill/reinstate":
            return httpx.Response(200, json=MARA | {"suspended": None, "changed": False})
    missing = {"code": "not_found", "message": "There is no talent Marra.", "hint": "Did you mean Mara Quill?"}
    return httpx.Response(404, json={"error": missing})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command and returns its exit code, stdout and stderr."""
    monkeypatch.setenv("CALLSHEET_API_URL", "http://api.invalid")
    monkeypatch.setenv("CALLSHEET_API_KEY", "cs_1_2_3")
    client = Client(load_settings())
    client._http = httpx.Client(transport=httpx.MockTransport(answered), base_url="http://api.invalid")
    monkeypatch.setattr(context, "client", lambda: client)
    monkeypatch.setattr(local, "ensure", lambda: None)
    return Terminal(capsys, monkeypatch)


def test_talents_are_listed_with_what_they_allow_and_what_was_made(run: Run) -> None:
    code, out, _ = run("talents")
    assert code == 0
    for told in ("Mara Quill", "no end", "suspended since 2026-11-23T10:00: left [the] cast", "mara", "$0.004500"):
        assert told in out


def test_one_talent_is_shown_with_consents_events_voices_and_productions(run: Run) -> None:
    _, out, _ = run("talents", "Mara Quill")
    for told in ("I allow it.", "productions game", "cs_1 ann", "kyma_1", "$2.10", "game"):
        assert told in out


def test_every_line_is_written_to_a_file_whose_text_no_spreadsheet_computes(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "new" / "lines.csv"
    assert run("talents", "Mara Quill", "--csv", str(target))[0] == 0
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [one["line"] for one in rows] == [f"'=line_{number}" for number in range(5)]
    assert {(one["cost_usd"], one["seconds"], one["consent_sha256"]) for one in rows} == {
        ("0.001500", "1.5", "ab" * 32)
    }


def test_every_line_is_listed_as_json_and_as_a_table(run: Run) -> None:
    assert [one["take"] for one in json.loads(run("talents", "Mara Quill", "--lines", "--json")[1])["lines"]] == [
        f"take_{number}" for number in range(5)
    ]
    assert "=line_4" in run("talents", "Mara Quill", "--lines")[1]


def test_a_suspension_says_what_it_has_stopped_and_what_is_under_way(run: Run) -> None:
    code, _, err = run("suspend", "Mara Quill", "--reason", "left the cast")
    told = " ".join(err.split())
    assert code == 0
    assert "1,204 lines in the queue are not spoken, 2 voices not made, of 1 run: run_1." in told
    assert "3 lines and 0 voices were under way: those calls are finished, and paid." in told


def test_reinstating_who_is_not_suspended_says_so(run: Run) -> None:
    code, _, err = run("reinstate", "Mara Quill", "--reason", "is back")
    assert (code, "Mara Quill was not suspended." in err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("talents", "Marra"), "Did you mean Mara Quill?"),
        (("talents", "--lines"), "Whose lines?"),
        (("talents", "Mara Quill", "--csv", "x.csv", "--json"), "two forms of the same"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, arguments: tuple[str, ...], told: str) -> None:
    code, _, err = run(*arguments)
    assert (code, told in err) == (ExitCode.USAGE, True)
