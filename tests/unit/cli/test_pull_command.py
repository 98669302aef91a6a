"""`callsheet pull` as a person types it, with a production of its own behind it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.context import Context, context
from pipeline.errors import ExitCode
from tests.support.terminal import Terminal
from tests.unit.cli.pack.productions import Api, line, missing, spoken
from workers import local

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    served = Api(spoken(), spoken("a_2"), missing())
    monkeypatch.setattr(Context, "client", lambda _self: served)
    return served


@pytest.fixture
def typed(api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Typed:
    """Types a command in a folder of its own; returns its exit code, stdout and stderr."""
    assert api
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "ensure", lambda: None)
    monkeypatch.setattr(context, "ensure_stack", None)
    return Terminal(capsys, monkeypatch, joined=True)


def test_it_tells_what_was_fetched_and_what_is_not_spoken(typed: Typed) -> None:
    code, out, err = typed("pull", "game", "--layout", "fmod", "--out", "VO")
    assert (code, out.strip()) == (ExitCode.OK, "VO")
    assert "2 files fetched, 0 there already, 1 line not spoken yet." in err
    assert Path("VO/en/keys.txt").is_file()


def test_it_says_which_files_nobody_wants_and_how_to_be_rid_of_them(typed: Typed, api: Api) -> None:
    typed("pull", "game", "--layout", "yarn")
    del api.lines[1]
    assert "(--prune deletes what nobody has changed): en/a_2.wav." in typed("pull", "game", "--layout", "yarn")[2]
    assert "1 file of earlier pulls deleted" in typed("pull", "game", "--layout", "yarn", "--prune")[2]


def test_a_program_reads_the_same_as_json(typed: Typed) -> None:
    code, out, _ = typed("pull", "game", "--layout", "yarn", "--json")
    told = json.loads(out)
    assert (code, told["layout"], told["fetched"], told["missing"]) == (ExitCode.OK, "yarn", 2, ["a_9"])
    assert {"kept", "failed", "missing_languages", "off_target", "outdated", "unwanted", "pruned"} <= set(told)


def test_a_take_that_cannot_be_converted_is_named_and_the_exit_code_says_partial(typed: Typed, api: Api) -> None:
    api.lines.append(line("bad"))
    code, _, err = typed("pull", "game", "--layout", "fmod")
    assert code == ExitCode.PARTIAL
    assert "2 files fetched" in err
    assert "bad" in err


@pytest.mark.parametrize(
    "options",
    [
        ("--layout", "wwise", "--format", "ogg"),
        ("--name", "{line_id}"),
        ("--loudness", "-20"),
        ("--layout", "fmod", "--rate", "1"),
        ("--layout", "godot"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_nothing_is_written(typed: Typed, options: tuple[str, ...]) -> None:
    code, out, err = typed("pull", "game", *options)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "Traceback" not in err
    assert not list(Path().iterdir())


def test_two_lines_of_one_name_are_both_named(typed: Typed, api: Api) -> None:
    api.lines.append(spoken("A_1"))
    code, _, err = typed("pull", "game")
    assert code == ExitCode.USAGE
    assert "A_1 (MARA, en)" in err
    assert "that of a_1 (MARA, en) too" in err


PROJECT = """\
production: {name}
languages: [en, de, fr]
characters: {{MARA: {{voice: {{system: a}}}}}}
lines: lines.csv
"""


def declare(folder: Path, name: str = "game") -> None:
    """Write a project file whose sheet nobody reads."""
    folder.mkdir(exist_ok=True)
    (folder / "cast.yaml").write_text(PROJECT.format(name=name))


@pytest.mark.parametrize("meant", ["game", "game/cast.yaml", "./game"])
def test_a_language_without_any_line_is_missing_where_the_project_is_at_hand(typed: Typed, meant: str) -> None:
    declare(Path("game"))
    code, out, err = typed("pull", meant, "--out", "VO", "--json")
    told = json.loads(out)
    assert (code, told["missing_languages"]) == (ExitCode.OK, {"de": ["a_1", "a_2"], "fr": ["a_1", "a_2"]})
    assert json.loads(Path("VO/manifest.json").read_text())["missing_languages"] == told["missing_languages"]
    assert not err


def test_a_folder_of_another_production_says_nothing_of_this_one(typed: Typed) -> None:
    declare(Path("game"), "another")
    assert json.loads(typed("pull", "game", "--out", "VO", "--json")[1])["missing_languages"] == {}


def test_a_project_that_cannot_be_read_holds_no_pull_up_unless_it_is_named(typed: Typed) -> None:
    declare(Path("game"), "No Name")
    code, _, err = typed("pull", "game", "--out", "VO")
    assert code == ExitCode.OK
    assert "languages in which there is no line at all are not known" in err
    assert typed("pull", "game/cast.yaml", "--out", "VO")[0] == ExitCode.USAGE


def test_a_pack_goes_beside_no_project_file_but_into_a_folder_of_its_own(typed: Typed) -> None:
    declare(Path("game"))
    assert typed("pull", "game")[1].strip() == "game/pack"
    assert {path.name for path in Path("game").iterdir()} == {"cast.yaml", "pack"}


def test_a_pack_that_lies_beside_a_project_file_stays_there(typed: Typed) -> None:
    typed("pull", "game")
    declare(Path("game"))
    assert json.loads(typed("pull", "game", "--json")[1])["kept"] == 2
