"""What goes wrong is said before it costs, with an exit code of its own."""

import json
from pathlib import Path

import pytest

from tests.support.recordings import mp3_bytes, speech_like
from tests.support.stack import CAST, RunningStack, one_voice, sheet, write_project

MARA = CAST / "references" / "mara.mp3"


def test_a_bad_sheet_names_every_problem_and_starts_nothing(stack: RunningStack, tmp_path: Path) -> None:
    runs = stack.ask("status", "--all")["runs"]
    rows = sheet(
        ("a_01", "HERO", "Fine."), ("a_01", "HERO", "Twice."), ("a/2", "HERO", "Slash."), ("a_03", "HRO", "Who?")
    )
    project = write_project(tmp_path, one_voice("bad"), rows, {"references/mara.mp3": MARA})
    ended = stack.run("apply", project, "--yes", "--json")
    assert ended.code == 2
    problems = json.loads(ended.err)["error"]["problems"]
    assert len(problems) == 3
    assert any("HERO" in problem["hint"] for problem in problems)
    assert all(problem["file"] == "lines.csv" and "row" in problem["place"] for problem in problems)
    assert stack.ask("status", "--all")["runs"] == runs


def test_without_consent_nothing_is_cloned_and_the_missing_field_is_named(stack: RunningStack, tmp_path: Path) -> None:
    before = stack.charged()
    cast = one_voice("silent", consent=False)
    project = write_project(tmp_path, cast, sheet(("a", "HERO", "Hello.")), {"references/mara.mp3": MARA})
    ended = stack.run("apply", project, "--yes")
    assert ended.code == 6
    assert "talents.mara.consent" in ended.err
    assert stack.charged() == before


def test_a_budget_is_a_bound_and_what_it_held_is_free_afterwards(stack: RunningStack, tmp_path: Path) -> None:
    before = stack.charged()
    recording = mp3_bytes(speech_like(13, 44_100, seed=7))
    project = write_project(
        tmp_path,
        one_voice("poor"),
        sheet(("p1", "HERO", "Too dear."), ("p2", "HERALD", "Cheap enough.")),
        {"references/mara.mp3": recording},
    )
    refused = stack.run("apply", project, "--yes", "--budget", "1.50", "--json")
    assert (refused.code, stack.charged()) == (4, before), refused.err
    ended = stack.run("apply", project, "--yes", "--budget", "1.50", "--budget-mode", "soft", "--json")
    assert ended.code == 4, ended.err
    assert "1 of 2 lines are spoken, 1 line and 1 voice are left" in ended.err
    assert ended.json["spent_micros"] <= 1_500_000
    assert ended.json["held_micros"] == 0
    assert stack.charged() - before == ended.json["spent_micros"]


def test_after_a_refused_budget_a_larger_one_goes_on(stack: RunningStack, tmp_path: Path) -> None:
    recording = mp3_bytes(speech_like(13, 44_100, seed=8))
    project = write_project(
        tmp_path,
        one_voice("richer"),
        sheet(("p1", "HERO", "Now it is affordable.")),
        {"references/mara.mp3": recording},
    )
    assert stack.run("apply", project, "--yes", "--budget", "1").code == 4
    ended = stack.run("apply", project, "--yes", "--budget", "5", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["state"] == "done"


@pytest.mark.parametrize("budget", ["ten", "-3", "1.0000001"])
def test_a_budget_that_is_no_amount_is_refused(stack: RunningStack, budget: str) -> None:
    ended = stack.run("apply", CAST, "--yes", f"--budget={budget}")
    assert ended.code == 2
    assert "--budget" in ended.err


def test_a_short_recording_costs_nothing_and_the_rest_goes_on(stack: RunningStack, tmp_path: Path) -> None:
    before = stack.charged()
    project = write_project(
        tmp_path,
        one_voice("short"),
        sheet(("s1", "HERO", "Never heard."), ("s2", "HERALD", "Heard all the same.")),
        {"references/mara.mp3": mp3_bytes(speech_like(8, 44_100))},
    )
    ended = stack.run("apply", project, "--yes", "--json")
    assert ended.code == 3, ended.err
    assert ended.json["takes"]["done"] == ended.json["takes"]["blocked"] == 1
    failure = ended.json["failures"][0]
    assert failure["cause"] == "reference_refused"
    assert "8.0" in failure["message"]
    assert "10" in failure["message"]
    clones = [row for row in stack.ask("ledger", "--run", ended.json["id"])["transfers"] if row["kind"] == "clone"]
    assert clones == []
    assert stack.charged() - before == ended.json["spent_micros"]


def test_nobody_at_the_terminal_and_no_yes_means_no_money(stack: RunningStack, tmp_path: Path) -> None:
    project = write_project(
        tmp_path, one_voice("unasked"), sheet(("u", "HERALD", "Nobody agreed to this.")), {"references/mara.mp3": MARA}
    )
    ended = stack.run("apply", project)
    assert ended.code == 2
    assert "--yes" in ended.err


def test_a_wrong_setting_is_named_with_its_variable(stack: RunningStack) -> None:
    wrong = RunningStack(stack.home, {"CALLSHEET_WORKER_THREADS": "many"})
    ended = wrong.run("status")
    assert ended.code == 7
    assert "CALLSHEET_WORKER_THREADS" in ended.err
    assert "Traceback" not in ended.err


def test_a_voice_of_somebody_else_is_refused_and_the_line_says_so(stack: RunningStack, tmp_path: Path) -> None:
    cast = one_voice("thief").replace("English_Announcer", "kyma_0123456789abcdef")
    project = write_project(tmp_path, cast, sheet(("t", "HERALD", "Not my voice.")), {"references/mara.mp3": MARA})
    ended = stack.run("apply", project, "--yes", "--json")
    assert ended.code == 3
    assert ended.json["failures"][0]["count"] == 1
