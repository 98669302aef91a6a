import pytest

from tests.unit.intake.rules.submissions import Submission, only_sheet, told

EPISODE = """\
---
title: The Bell
---
# The ferry

The harbour is quiet.

**MARA:** You picked a *bad* night. (whispering)
Sit down at 10:30.
HERALD (loud): Hear this! {#open_010}

- Mara: (softly) (slow) No. I said: no.

    MARA: Indented, and spoken.

```
MARA: code
```

## The marsh

> HERALD：`Halt`!
"""


def markdown(content: str) -> Submission:
    return only_sheet("scene.md", content)


def test_paragraphs_with_a_speaker_become_lines() -> None:
    project = markdown(EPISODE).project()
    assert [(line.character, line.text, line.direction, line.row) for line in project.lines] == [
        ("MARA", "You picked a bad night.\nSit down at 10:30.", "whispering", 8),
        ("HERALD", "Hear this!", "loud", 10),
        ("MARA", "No. I said: no.", "softly; slow", 12),
        ("MARA", "Indented, and spoken.", "", 14),
        ("HERALD", "Halt!", "", 22),
    ]
    assert [line.extras["scene"] for line in project.lines] == [*["The ferry"] * 4, "The marsh"]
    assert project.lines[1].id == "open_010"
    assert project.lines[4].id.startswith("the-marsh-herald-")


def test_what_nobody_speaks_is_told_and_not_spoken() -> None:
    assert markdown(EPISODE).project().notes == (
        "scene.md: not spoken, because no SPEAKER: begins it: the paragraph in line 6",
        "scene.md: spoken without emphasis, because no voice takes any: the words in line 8",
        "scene.md: spoken as text: the code in line 22",
        "scene.md: not spoken: the code in line 16",
    )


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    files = markdown(
        "MARA: Hi.\nMARRA: Ho.\n\nMARA:\n\nHERALD: ...\n\nMARA: Hi {#a/b}\n\nMARA: One {#twin}\n\nMARA: Two {#Twin}\n"
    )
    assert told(files) == [
        ("line 2, part character", "MARRA"),
        ("line 4, part text", ""),
        ("line 6, part text", "..."),
        ("line 8, part id", "a/b"),
        ("line 12, part id", "Twin"),
    ]
    assert "from twin in line 10 of scene.md" in files.problems()[4]["message"]


def test_inserting_a_line_renames_no_other() -> None:
    before = {line.text: line.id for line in markdown(EPISODE).project().lines}
    changed = EPISODE.replace("**MARA:** You", "HERALD: Listen.\n\n**MARA:** You")
    after = {line.text: line.id for line in markdown(changed).project().lines}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_plain_text_knows_no_lists_no_code_and_no_quotes() -> None:
    project = only_sheet("a.txt", "# Dock\nMARA: *Hi* `there`.\nHERALD: Ho.\n\n    MARA: In.\n").project()
    assert [(line.character, line.text) for line in project.lines] == [
        ("MARA", "Hi `there`."),
        ("HERALD", "Ho."),
        ("MARA", "In."),
    ]
    assert project.lines[0].extras["scene"] == "Dock"


def test_a_format_may_be_declared_for_any_name() -> None:
    assert only_sheet("notes", "MARA: Hi.\n", ", format: text").project().lines[0].text == "Hi."
    problem = only_sheet("notes", "MARA: Hi.\n", ", format: markdwon").problems()[0]
    assert (problem["place"], problem["hint"]) == ("lines.1.format", "did you mean markdown?")


@pytest.mark.parametrize(
    ("line", "is_cue"),
    [
        ("MARA: Hi.", True),
        ("Old Oswin (sits): Hi.", True),
        ("旁白：你好。", True),
        ("See http://a.b now", False),
        ("It is 10:30.", False),
        ("As I said to all of them yesterday: no.", False),
        (f"{'x' * 70}: no.", False),
    ],
)
def test_a_speaker_is_a_short_name_before_a_colon(line: str, is_cue: bool) -> None:  # noqa: FBT001 - a table's column
    files = markdown(f"MARA: First.\n{line}\n")
    problems = [] if not is_cue or line.startswith("MARA") else [problem["value"] for problem in files.problems()]
    if problems:
        assert problems == [line.partition(":")[0].partition("：")[0].partition(" (")[0]]
    else:
        assert len(files.project().lines) == 1 + is_cue


@pytest.mark.parametrize("kind", ["markdown", "text"])
def test_an_address_that_stands_in_the_text_is_told_to_be_spoken(kind: str) -> None:
    script = "MARA: See https://a.example/b for more.\n\nMARA: Or www.a.example, or\nask me. http it is.\n"
    (note,) = only_sheet("scene.md", script, f", format: {kind}").project().notes
    assert note == "scene.md: spoken, because it stands in the text itself: the address in line 1, 3"


def test_of_an_address_in_angle_brackets_nobody_is_told_that_it_is_not_spoken() -> None:
    project = markdown("MARA: See <https://a.example> or [this](https://b.example).\n").project()
    assert project.lines[0].text == "See https://a.example or this."
    assert [note.partition(": ")[2].partition(",")[0] for note in project.notes] == [
        "spoken without its address: the link in line 1",
        "spoken",
    ]


def test_a_line_that_is_drawn_between_two_parts_of_a_text_is_no_speech() -> None:
    script = "MARA: One.\n\n* * *\n\nMARA: Two.\n--------\nStill Mara.\n\n———\n\nMARA: Three — no rule - at all.\n"
    project = only_sheet("scene.txt", script).project()
    assert [" ".join(line.text.split()) for line in project.lines] == [
        "One.",
        "Two. Still Mara.",
        "Three — no rule - at all.",
    ]
    assert project.notes == ()


def test_a_word_before_a_colon_that_is_no_speaker_is_told_to_be_escaped() -> None:
    (problem,) = markdown("MARA: Hm.\n\nWarning: it rains.\n").problems()
    assert (problem["value"], r"write \: for the colon" in problem["hint"]) == ("Warning", True)
    (problem,) = markdown("MARRA: Hm.\n").problems()
    assert problem["hint"] == "did you mean MARA?"
