import io
import json

import pytest
from rich.console import Console
from rich.table import Table

from pipeline.cli import console
from pipeline.errors import InvalidSheet, UsageError

PROBLEM = {
    "file": "lines.csv",
    "place": "row 2, column [id]",
    "value": "[red]x",
    "message": "the id is [bold] twice",
    "allowed": "one [a-z]",
    "hint": "rename [it]",
}


def test_data_goes_to_stdout_and_talk_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.data.print("data")
    console.show_json({"text": "Größe 💥"})
    console.say("talk")
    written = capsys.readouterr()
    assert written.out.startswith("data\n")
    assert json.loads(written.out.removeprefix("data\n")) == {"text": "Größe 💥"}
    assert written.err == "talk\n"


def test_an_error_is_a_sentence_its_code_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(UsageError("[red]odd[/red] is wrong.", hint="Write [x]."), as_json=False)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "Error [red]odd[/red] is wrong. (invalid_request)\nNext  Write [x].\n"


def test_an_error_shows_every_problem_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(InvalidSheet("2 problems", problems=[PROBLEM, "a [plain] one"]), as_json=False)
    _, first, second, *_ = capsys.readouterr().err.splitlines()
    expected = "lines.csv, row 2, column [id] '[red]x': the id is [bold] twice; allowed: one [a-z]; rename [it]"
    assert first.strip() == expected
    assert second.strip() == "a [plain] one"


def test_a_problem_shows_what_its_author_cannot_see_escaped_once(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(InvalidSheet("1 problem", problems=[PROBLEM | {"value": r"GUARD\xa02"}]), as_json=False)
    assert r"'GUARD\xa02':" in capsys.readouterr().err


def test_a_problem_without_value_allowed_and_hint_is_its_place_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    bare = PROBLEM | {"value": "", "allowed": "", "hint": ""}
    console.show_error(InvalidSheet("1 problem", problems=[bare]), as_json=False)
    assert "lines.csv, row 2, column [id]: the id is [bold] twice\n" in capsys.readouterr().err


def test_a_problem_in_a_log_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(InvalidSheet("1 problem", problems=[PROBLEM | {"allowed": "word " * 100}]), as_json=False)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_an_error_as_json_is_one_document_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(InvalidSheet("Größe", hint="h", problems=[PROBLEM]), as_json=True)
    written = capsys.readouterr()
    assert written.out == ""
    told = json.loads(written.err)["error"]
    assert told == {"code": "invalid_sheet", "message": "Größe", "hint": "h", "problems": [PROBLEM]}


def test_what_goes_to_a_pipe_is_not_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    made: Table = console.table("T", "name")
    made.add_row("x" * 150)
    console.data.print(made)
    assert "x" * 150 in capsys.readouterr().out


def test_a_narrow_terminal_loses_no_part_of_an_amount_or_an_id() -> None:
    made = console.table("T", "run", "spent", right=frozenset({"spent"}))
    made.add_row("run_01m84cvhrv0001zkw4kpwbb4pk", "$1,234.919420")
    out = io.StringIO()
    Console(file=out, width=24).print(made)
    shown = "".join(out.getvalue().split())
    assert "…" not in shown
    letters = sorted("run_01m84cvhrv0001zkw4kpwbb4pk$1,234.919420")
    assert sorted(shown.removeprefix("Trunspent")) == letters
