"""The command line as a program: help, exit codes, what goes where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipeline.cli import outcome
from pipeline.cli.context import context
from pipeline.errors import EnvironmentFault, ExitCode, UsageError
from tests.support.terminal import Terminal
from workers import cli, local

Run = Callable[..., tuple[int, str, str]]


def every_command(group: Any, prefix: str = "") -> dict[str, Any]:
    named = {f"{prefix}{name}": command for name, command in getattr(group, "commands", {}).items()}
    return named | {k: v for name, command in named.items() for k, v in every_command(command, f"{name} ").items()}


commands = every_command(get_command(cli.app))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Types a command and returns its exit code, stdout and stderr. No stack is started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "ensure", lambda: None)
    monkeypatch.setattr(context, "ensure_stack", None)
    return Terminal(capsys, monkeypatch)


@pytest.mark.parametrize("name", commands)
def test_every_command_and_every_option_says_what_it_is_for(name: str) -> None:
    assert (commands[name].help or "").strip().endswith(".")
    for parameter in commands[name].params:
        if "--help" not in parameter.opts:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_stands_in_the_help(run: Run, code: ExitCode) -> None:
    assert f"{code.value} {code.name.lower().replace('reconcile', 'needs reconcile')}" in run("--help")[1]


def test_without_a_command_the_help_is_shown_and_nothing_is_done(run: Run) -> None:
    code, out, err = run()
    assert code == ExitCode.USAGE
    assert "Usage" in out + err


@pytest.mark.parametrize("arguments", [("nonsense",), ("plan",), ("plan", "x", "--bogus"), ("ledger", "surplus")])
def test_what_cannot_be_understood_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert code == ExitCode.USAGE
    assert (out, bool(err)) == ("", True)


def test_an_error_is_told_on_stderr_and_by_the_exit_code(run: Run) -> None:
    code, out, err = run("check", "missing")
    assert (code, out) == (ExitCode.USAGE, "")
    assert "There is no project file at missing. (invalid_request)" in err
    assert "callsheet init" in err


def test_an_error_as_json_is_one_document_on_stderr(run: Run) -> None:
    code, out, err = run("check", "missing", "--json")
    assert (code, out) == (ExitCode.USAGE, "")
    assert json.loads(err)["error"]["code"] == "invalid_request"


def test_a_command_without_a_stack_is_a_fault_of_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise EnvironmentFault("No stack.", hint="Run `callsheet up`.")

    monkeypatch.setattr(local, "ensure", away)
    for arguments in (("status",), ("voices",), ("ledger",), ("pull", "game")):
        code, out, _ = run(*arguments)
        assert (code, out) == (ExitCode.ENVIRONMENT, "")


def test_a_project_is_checked_offline_and_its_facts_are_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "[red]mara.mp3").write_bytes(b"x")
    code, out, err = run("init", "game", "--from-recordings", "recordings")
    assert (code, out) == (0, "")
    assert "callsheet check game" in err
    code, out, err = run("check", "game", "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["production"], facts["lines"]) == ("game", 4)
    assert facts["missing_consent"] == {"red_mara_01": "talents.red_mara_01.consent"}
    code, out, err = run("check", "game")
    assert out == "ok  game: 4 lines, 1 character, 1 talent\n"
    assert "red_mara_01 may not be heard yet" in err


def test_a_folder_that_looks_like_markup_is_shown_as_it_is(run: Run) -> None:
    assert "[red]x" in run("init", "[red]x")[2]


def test_ctrl_c_has_an_exit_code_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "ensure", interrupted)
    assert run("status")[0] == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("given", "micros"), [(None, None), ("25", 25_000_000), ("$2.10", 2_100_000), ("1,250", 1_250_000_000), ("0", 0)]
)
def test_a_budget_is_read_as_dollars(given: str | None, micros: int | None) -> None:
    assert outcome.cap(given) == micros


@pytest.mark.parametrize("given", ["", "-1", "2,10", "ten", "1e3", "NaN", "0.0000001", "$", "9" * 40])
def test_a_budget_that_is_no_amount_is_refused_with_what_one_looks_like(given: str) -> None:
    with pytest.raises(UsageError, match="--budget") as raised:
        outcome.cap(given)
    assert "--budget 25" in raised.value.hint
