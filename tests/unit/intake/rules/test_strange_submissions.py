"""Single findings of the fuzzing: submissions that once ended in a traceback, or cost minutes or gigabytes."""

from types import ModuleType
from typing import Any

import pytest

from pipeline.intake.rules import lines as line_rules
from pipeline.intake.rules import problems, reading, yaml_tree
from pipeline.intake.rules.problems import Suggestions
from tests.unit.intake.rules.submissions import CAST, HEADER, Submission, cast, only_sheet, sheet


def count(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[None]:
    """A list that gets an item each time the function is called."""
    calls: list[None] = []
    function = getattr(module, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        return function(*arguments)

    monkeypatch.setattr(module, name, counted)
    return calls


@pytest.mark.parametrize("escape", ["\\U00110000", "\\UFFFFFFFF"])
def test_an_escape_beyond_unicode_is_a_problem_of_the_file(escape: str) -> None:
    assert "not valid YAML" in Submission(cast__yaml=f'{CAST}title: "{escape}"\n').problem()["message"]


@pytest.mark.parametrize("head", ["%YAML 1.99999999999999999999\n---\n", "%YAML 9.9\n---\n", "%YAML 1\n---\n"])
def test_a_version_of_yaml_that_is_none_is_a_problem_of_the_file(head: str) -> None:
    assert "not valid YAML" in Submission(cast__yaml=head + CAST).problem()["message"]


def test_keys_that_hold_keys_are_no_way_to_nest_deeper_than_we_read() -> None:
    keys = "".join(f"? &k{n} [{f'*k{n - 1}' if n else 'x'}]\n: 1\n" for n in range(2000))
    assert Submission(cast__yaml=f"{keys}{CAST}title: *k1999\n").problem()["message"] == "nested too deeply"


def test_an_anchor_may_be_used_again_and_nothing_is_printed_about_it() -> None:
    text = CAST.replace("harbour", "&a harbour") + "title: &a Harbour\nlanguage: en\n"
    assert Submission(cast__yaml=text).project().title == "Harbour"


def test_a_character_that_yaml_forbids_is_named_with_its_line_on_one_line() -> None:
    problem = Submission(cast__yaml=CAST + "title: a\x01b\n").problem()
    assert problem["message"] == "not valid YAML: the character U+0001 may not stand in it"
    assert problem["line"] == CAST.count("\n") + 1


@pytest.mark.parametrize("key", ["\\ud800", "\\e[2J", "a\\nb", "\\u202e", "x" * 900 + "\\0" * 900])
def test_a_key_of_any_signs_can_be_shown_stored_and_sent(key: str) -> None:
    for problem in Submission(cast__yaml=f'{CAST}"{key}": 1\n"{key}": 2\n').problems():
        texts = [text for text in problem.values() if isinstance(text, str)]
        assert all(text.isprintable() and text.encode() is not None for text in texts)
        assert max(map(len, texts)) < 4_500


@pytest.mark.parametrize("encoding", ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "rot13"])
def test_a_notation_is_no_encoding_of_a_sheet(encoding: str) -> None:
    problem = cast(f"lines: {{file: lines.csv, encoding: {encoding}}}").problem()
    assert problem["place"] == "lines.encoding"
    assert "utf-8" in problem["allowed"]


@pytest.mark.parametrize("declared", ['sep="', "sep=\r", "sep=a"])
def test_a_separator_that_cannot_be_one_is_a_problem(declared: str) -> None:
    assert "cannot be one" in sheet(f"{declared}\nid,character,text\na1,MARA,Hi.\n").problem()["message"]


def test_a_language_tag_is_written_in_plain_letters() -> None:
    assert [problem["place"] for problem in cast("language: en-٣٣٣").problems()] == ["language"]


def test_the_place_of_each_of_thousands_of_problems_is_found_without_walking_the_file_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = count(monkeypatch, yaml_tree, "_key")
    assert len(Submission(cast__yaml=CAST + "".join(f"k{n}: 1\n" for n in range(2_000))).problems()) == 2_000
    assert len(looked_at) < 10_000


def test_thousands_of_wrong_talents_are_listed_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = count(monkeypatch, problems, "closest")
    talents = "".join(f"  talent{n}: {{reference: a.mp3}}\n" for n in range(2_000))
    characters = "".join(f"  C{n}: {{voice: {{talent: tolent{n}}}}}\n" for n in range(2_000))
    found = cast(f"talents:\n{talents}characters:\n{characters}  MARA: {{voice: {{system: a}}}}").problems()
    assert len(found) == 2_000
    assert len(searched) * 2_000 <= 110_000


def test_names_longer_than_any_name_are_not_compared() -> None:
    assert Suggestions(["MARA", "x" * 300]).hint("x" * 299) == ""
    assert Suggestions(["MARA"]).hint("MARRA") == "did you mean MARA?"


def test_a_sheet_of_thousands_of_columns_is_one_problem() -> None:
    problem = sheet(",".join(f"c{n}" for n in range(20_000)) + "\na1,MARA,Hi.\n").problem()
    assert problem["message"] == "the sheet has 20000 columns"
    assert problem["allowed"] == "at most 500"


@pytest.mark.parametrize("header", ["l\bneNumber", "comment\vNext", "scene\0", "no\ufffdte"])
def test_a_column_is_not_called_what_nobody_can_type(header: str) -> None:
    problem = sheet(f"id,character,text,{header}\na1,MARA,Hi.,x\n").problem()
    assert problem["message"] == "the header holds a character that cannot be shown"
    assert problem["place"].startswith("row 1, column ")


@pytest.mark.parametrize("mark", ["\ufdd0", "\ufdd5", "\ufdef", "\ufffe", "\uffff"])
def test_what_programs_mark_texts_with_is_in_no_text(mark: str) -> None:
    for files in (sheet(f"{HEADER}a1,MARA,Hi {mark}there.\n"), only_sheet("a.fountain", f"MARA\nHi {mark}there.\n")):
        assert f"U+{ord(mark):04X}" in files.problem()["message"]


def test_translations_without_ids_are_one_problem() -> None:
    files = cast("languages: [en, de]\nlines: [lines.csv, {file: de.csv, language: de}]")
    files.files["de.csv"] = "ID?,text\na1,Hallo.\n"
    assert files.problem()["message"].startswith("there is no column for the id")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [" + "a," * 1_000, "more than 500 keys and values"),
        ("title: " + "[" * 60 + "]" * 60, "nested too deeply"),
        ("title: " + "{a: [" * 30 + "]}" * 30, "nested too deeply"),
    ],
)
def test_a_project_file_that_would_be_read_for_minutes_is_refused_before(
    monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(yaml_tree, "MOST_NODES", 500)
    assert said in Submission(cast__yaml=f"{CAST}{text}\n").problem()["message"]


def test_rows_of_junk_are_read_until_nobody_would_correct_more() -> None:
    found = sheet(HEADER + "a\n" * 200_000).problems()
    assert line_rules.MAX_PROBLEMS < len(found) < line_rules.MAX_PROBLEMS + 5
    assert "were not read" in found[-1]["message"]
    assert found[-1]["hint"]


def test_short_rows_under_a_wide_header_count_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_rules, "MAX_CELLS", 50)
    wide = "id,character,text," + ",".join(f"c{n}" for n in range(7))
    rows = "".join(f"a{n},MARA,Hi.\n" for n in range(5))
    assert len(sheet(f"{wide}\n{rows}").project().lines) == 5
    assert "more than 50 cells" in sheet(f"{wide}\n{rows}a5,MARA,Hi.\n").problem()["message"]


@pytest.mark.parametrize(("limit", "place"), [("PROJECT_BYTES", "the file"), ("SHEET_BYTES", "lines.1.file")])
def test_a_file_larger_than_is_ever_read_is_a_problem(monkeypatch: pytest.MonkeyPatch, limit: str, place: str) -> None:
    monkeypatch.setattr(reading, limit, 10)
    problem: dict[str, Any] = Submission().problem()
    assert problem["allowed"] == "at most 10 bytes"
    assert problem["place"] in {place, "lines"}
