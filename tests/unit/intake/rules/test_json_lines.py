import json

import pytest

from tests.unit.intake.rules.submissions import Submission, only_sheet, told

GOOD = '{"id": "a_1", "character": "MARA", "text": "Où est-il ?", "speed": 0.9}\n'


def jsonl(*lines: str, entry: str = "") -> Submission:
    return only_sheet("lines.jsonl", "\n".join(lines), entry)


def test_each_object_is_a_line_and_keys_of_any_line_are_columns_of_all() -> None:
    project = jsonl(
        GOOD, '{"id": 7, "character": "MARA", "text": "Hi.", "tags": ["a", {"b": 1.10}], "on": true}'
    ).project()
    first, second = project.lines
    assert (first.id, first.text, first.speed, first.row) == ("a_1", "Où est-il ?", 0.9, 1)
    assert (second.id, second.row) == ("7", 3)
    assert second.extras == {"tags": '["a", {"b": "1.10"}]', "on": "true"}
    assert first.extras == {"tags": "", "on": ""}
    assert project.columns == ("tags", "on")


def test_every_mistake_is_told_at_once_with_its_line_and_key() -> None:
    files = jsonl(
        '{"id": "a_1", "character": "MARRA", "text": "Hi."}',
        '{"id": "a/2", "character": "MARA", "text": ["Hi."]}',
        '{"id": "a_3", "character": "MARA"',
        "",
        '["a_5", "MARA", "Hi."]',
        '{"id": "a_6", "id": "a_7", "character": "MARA", "text": "Hi."}',
        '{"id": "A_1", "character": "MARA", "text": "Hi.", "speed": 9}',
        '{"id": "a_8", "character": "MARA", "text": "\\u0007"}',
        '{"id": "a_9", "character": "MARA", "text": "Hi.", "\\ud800": 1}',
    )
    assert told(files) == [
        ("line 1, key character", "MARRA"),
        ("line 2, key id", "a/2"),
        ("line 2, key text", '["Hi."]'),
        ("line 3", ""),
        ("line 5", ""),
        ("line 6", ""),
        ("line 7, key id", "A_1"),
        ("line 7, key speed", "9"),
        ("line 8, key text", "\\x07"),
        ("line 8, key text", "\\x07"),
        ("line 9", ""),
    ]
    messages = [problem["message"] for problem in files.problems()]
    assert "a list where a text is expected" in messages[2]
    assert "not valid JSON" in messages[3]
    assert "the key id is there twice" in messages[5]
    assert "from a_1 in line 1 of lines.jsonl" in messages[6]
    assert [problem["line"] for problem in files.problems()][:4] == [1, 2, 2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_may_be_in_any_encoding_that_can_be_told(encoding: str) -> None:
    project = only_sheet("lines.jsonl", GOOD.replace("\n", "\r\n").encode(encoding)).project()
    assert project.lines[0].text == "Où est-il ?"


def test_columns_are_mapped_as_in_any_sheet() -> None:
    line = '{"cue": "a", "who": "MARA", "en": "Hi.", "text": "x"}'
    project = jsonl(line, entry=", columns: {id: cue, character: who, text: en}").project()
    assert (project.lines[0].text, project.lines[0].extras) == ("Hi.", {"text": "x"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the sheet is empty"),
        ('[{"id": "a"}]', "line 1: the line is no object"),
        ("{}", "no line holds a key"),
        ("[" * 100_000, "line 1: nested too deeply"),
    ],
)
def test_what_is_no_such_file_is_one_problem(content: str, said: str) -> None:
    assert jsonl(content).problem()["message"] == said


def test_a_missing_key_is_told_with_those_that_are_there() -> None:
    problem = jsonl('{"id": "a", "speeker": "MARA", "text": "Hi."}').problem()
    assert problem["place"] == "line 1, key character"
    assert "did you mean speeker?" in problem["hint"]


def test_a_nested_value_of_many_parts_is_refused() -> None:
    line = json.dumps({"id": "a", "character": "MARA", "text": "Hi.", "x": list(range(1_001))})
    assert "more than 1000 parts" in jsonl(line).problem()["message"]
