import pytest

from pipeline.intake.rules import yaml_sheet
from tests.unit.intake.rules.submissions import Submission, only_sheet, told


def listed(content: str, entry: str = "") -> Submission:
    return only_sheet("lines.yaml", content, entry)


def test_each_item_is_a_line_and_what_is_written_stays_text() -> None:
    project = listed(
        "- {id: 010, character: MARA, text: 1.10, on: 2026-01-31, tags: [a, b]}\n"
        "- id: a_2\n  character: HERALD\n  text: >\n    One,\n    two.\n  done: yes\n  speed: 1.5\n"
    ).project()
    first, second = project.lines
    assert (first.id, first.text, first.row) == ("010", "1.10", 1)
    assert first.extras == {"on": "2026-01-31", "tags": '["a", "b"]', "done": ""}
    assert (second.text, second.speed, second.extras["done"]) == ("One, two.\n", 1.5, "yes")


def test_every_mistake_is_told_at_once_with_its_item_and_line() -> None:
    files = listed(
        "- {id: a_1, character: MARRA, text: Hi.}\n"
        "- {id: a/2, character: MARA, text: [Hi.]}\n"
        "- id: a_3\n  character: MARA\n  id: a_4\n"
        "- just text\n"
        "- {id: A_1, character: MARA, text: Hi., speed: fast}\n"
        "- {id: a_6, character: MARA, text: '...'}\n"
    )
    assert told(files) == [
        ("item 1, key character", "MARRA"),
        ("item 2, key id", "a/2"),
        ("item 2, key text", '["Hi."]'),
        ("item 3", ""),
        ("item 4", ""),
        ("item 5, key id", "A_1"),
        ("item 5, key speed", "fast"),
        ("item 6, key text", "..."),
    ]
    problems = files.problems()
    assert "the key id is there twice: in line 3 and again in line 5" in problems[3]["message"]
    assert [problem["line"] for problem in problems] == [1, 2, 2, 3, 6, 7, 7, 8]


def test_an_alias_that_stands_for_millions_is_refused_at_once() -> None:
    bomb = "- &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    problems = listed(f"{bomb}- {{id: a, character: MARA, text: Hi., x: *a8}}\n").problems()
    assert "more than 1000 parts" in problems[-1]["message"]


def test_an_item_may_contain_itself_and_is_refused() -> None:
    assert "more than 1000 parts" in listed("- &a {id: a, character: MARA, text: Hi., x: *a}\n").problem()["message"]


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        ("", "the file", "the sheet is empty"),
        ("id: a\n", "the file", "the file holds no list"),
        ("- a: 'b\n", "line 2", "not valid YAML"),
        ("- {id: a}\n---\n- {id: b}\n", "line 2", "not valid YAML"),
        ('- {"\\ud800": a}\n', "the file", "cannot be shown"),
    ],
)
def test_what_is_no_such_file_is_one_problem(content: str, place: str, said: str) -> None:
    problem = listed(content).problem()
    assert problem["place"] == place
    assert said in problem["message"]


def test_a_large_list_is_sent_to_a_format_that_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_sheet, "YAML_BYTES", 10)
    problem = listed("- {id: a_1, character: MARA, text: Hi.}\n").problem()
    assert problem["allowed"] == "at most 10 bytes of YAML"
    assert "JSON Lines" in problem["hint"]


def test_a_declared_encoding_is_used_and_a_wrong_one_refused() -> None:
    content = "- {id: a_1, character: MARA, text: Café}\n".encode("cp1252")
    assert only_sheet("l.yaml", content, ", encoding: cp1252").project().lines[0].text == "Café"
    assert "not utf-8" in only_sheet("l.yaml", content, ", encoding: utf-8").problem()["message"]
