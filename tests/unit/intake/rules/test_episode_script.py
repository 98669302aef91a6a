import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidSheet
from pipeline.intake.rules import Project, inline
from pipeline.intake.rules.episode import Episode
from tests.unit.intake.rules.submissions import Submission, only_sheet

FRONT = """\
---
production: lamp-01
language: en
characters:
  HOST: {voice: {system: English_Presenter}}
  GUEST: {voice: {system: English_Narrator}}
episode:
  narrator: HOST
---
"""
BODY_LINE = FRONT.count("\n") + 1


def episode(body: str, front: str = FRONT) -> Submission:
    files = Submission()
    files.files = {"lamp.md": front + body}
    return files


def read(body: str, front: str = FRONT) -> Project:
    return episode(body, front).project("lamp.md")


def rows(project: Project, *columns: str) -> list[tuple[str, ...]]:
    return [(line.text, *(line.extras[name] for name in columns)) for line in project.lines]


def test_a_script_with_front_matter_is_a_whole_project() -> None:
    project = read("# The Light\n\nGUEST: Hello.\n")
    assert (project.production, project.title, project.files) == ("lamp-01", "The Light", ("lamp.md",))
    assert project.episode == Episode(narrator="HOST")
    assert [(line.character, line.text, line.row) for line in project.lines] == [("GUEST", "Hello.", BODY_LINE + 2)]


def test_a_title_in_the_front_matter_goes_before_the_heading() -> None:
    titled = FRONT.replace("language: en", "title: Lamps")
    assert read("# The Light\n\nGUEST: Hello.\n", titled).title == "Lamps"


def test_a_script_may_name_other_sheets_than_itself() -> None:
    files = episode("GUEST: Never read.\n", FRONT.replace("language: en", "lines: other.txt"))
    files.files["other.txt"] = "HOST: Read.\n"
    assert [line.text for line in files.project("lamp.md").lines] == ["Read."]


def test_problems_of_the_front_matter_and_of_the_script_are_told_at_once_with_their_lines() -> None:
    files = episode("HOTS: Hello.\n", FRONT.replace("narrator", "narator"))
    problems = files.problems("lamp.md")
    assert [(found["line"], found["hint"]) for found in problems] == [
        (8, "did you mean narrator?"),
        (BODY_LINE, "did you mean HOST?"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("HOST: Hi.\n", "the script has no front matter"),
        ("---\nproduction: a\n\nHOST: Hi.\n", "the front matter does not end"),
        ("---\n---\nHOST: Hi.\n", "the file is empty"),
        ("---\nproduction: [\n---\nHOST: Hi.\n", "not valid YAML"),
    ],
)
def test_a_script_without_front_matter_is_no_project(content: str, said: str) -> None:
    files = Submission()
    files.files = {"lamp.md": content}
    assert said in files.problem("lamp.md")["message"]


def test_headings_of_the_first_two_levels_are_chapters_and_two_of_one_title_are_two() -> None:
    project = read("# Show\n\nA.\n\n## One\n\nB.\n\n### Deep\n\nC.\n\n## One\n\nD.\n")
    assert rows(project, "chapter", "scene", "section") == [
        ("A.", "0", "Show", ""),
        ("B.", "1", "One", ""),
        ("C.", "1", "One", "Deep"),
        ("D.", "2", "One", ""),
    ]


def test_several_first_level_headings_are_chapters_and_no_title() -> None:
    project = read("# One\n\nA.\n\n# Two\n\nB.\n")
    assert rows(project, "chapter", "scene") == [("A.", "1", "One"), ("B.", "2", "Two")]
    assert project.title == "lamp-01"


def test_chapters_and_paragraphs_count_on_through_several_scripts() -> None:
    files = only_sheet("b.md", "## Two\n\nMARA: B.\n")
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace("[{file: b.md}]", "[a.md, b.md]")
    files.files["a.md"] = "## One\n\nMARA: A.\n"
    assert rows(files.project(), "chapter", "paragraph") == [("A.", "1", "1"), ("B.", "2", "2")]


def test_an_empty_chapter_is_named() -> None:
    project = read("## One\n\nA.\n\n## Two\n\n## Three\n\nB.\n")
    assert project.notes == (f"lamp.md: no line is spoken in the chapter Two in line {BODY_LINE + 4}",)
    assert rows(project, "chapter") == [("A.", "1"), ("B.", "3")]


def test_the_narrator_speaks_what_no_speaker_begins_and_what_is_indented_goes_on() -> None:
    project = read("Once.\n\nGUEST: Yes.\n\n  And more.\n\nThen.\n\n- GUEST: In a list.\n\n  Still.\n")
    assert [(line.character, line.text) for line in project.lines] == [
        ("HOST", "Once."),
        ("GUEST", "Yes."),
        ("GUEST", "And more."),
        ("HOST", "Then."),
        ("GUEST", "In a list."),
        ("GUEST", "Still."),
    ]
    assert [line.extras["paragraph"] for line in project.lines] == ["1", "2", "3", "4", "5", "6"]


def test_without_an_episode_nobody_speaks_what_is_indented() -> None:
    project = only_sheet("a.md", "MARA: Hi.\n\n  She sits.\n").project()
    assert [line.text for line in project.lines] == ["Hi."]
    assert "the paragraph in line 3" in project.notes[0]


def test_narration_speaks_its_parentheses_but_for_a_paragraph_of_nothing_else() -> None:
    project = read("It was late (for me).\n\n(a door)\n")
    assert [(line.text, line.direction) for line in project.lines] == [("It was late (for me).", "")]
    assert [note.partition(": ")[2].partition(",")[0] for note in project.notes] == ["not spoken", "spoken"]


def test_a_pause_cuts_a_line_and_is_never_sent() -> None:
    project = read("GUEST: One. [pause 1.5s] Two.\n[pause] Three. {#g}\n\n[PAUSE 250ms]\n\nFour.\n")
    assert rows(project, "pause_after", "paragraph") == [
        ("One.", "1.5", "1"),
        ("Two.", "1", "1"),
        ("Three.", "0.25", "1"),
        ("Four.", "", "2"),
    ]
    assert [line.id for line in project.lines[:3]] == ["g", "g-2", "g-3"]
    assert [line.row - BODY_LINE for line in project.lines] == [0, 0, 1, 5]


def test_what_makes_no_sound_beside_a_pause_stays_with_what_does() -> None:
    project = read("GUEST: So. [pause] (beat)\n\nGUEST: (low) [pause 2s] Yes [pause 1s] ... [pause 1s] no.\n")
    assert rows(project, "pause_after") == [("So.", "3"), ("Yes ...", "2"), ("no.", "")]
    assert [line.direction for line in project.lines] == ["beat", "low", ""]
    told = [problem["message"] for problem in episode("HOST: A.\n\nHOST: ... [pause] (beat)\n").problems("lamp.md")]
    assert "there is nothing to speak: no letter and no digit" in told


def test_pauses_that_follow_one_another_add_up() -> None:
    assert rows(read("One. [pause 1s][pause 2s]\n\n[pause 3s]\n"), "pause_after") == [("One.", "6")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("HOST: A [pause long] b.", "this is not a number; allowed: a number from 0 to 60 (s)"),
        ("HOST: A [pause 61s] b.", "this is out of range"),
        ("HOST: A [pause 70000ms] b.", "this is out of range; allowed: a number from 0 to 60000 (ms)"),
        ("[pause 1s]", "there is no line before this pause"),
        ("HOST: [Xal](say:...)", "there is nothing to say"),
        ("HOST: \ufdd0Hi.", "which is no character"),
    ],
)
def test_a_mark_that_is_wrong_is_refused_with_its_line(line: str, said: str) -> None:
    problem = episode(f"\n{line}\n").problems("lamp.md")[0]
    assert said in problem["message"]


def test_the_line_of_a_wrong_mark_is_counted_within_its_paragraph() -> None:
    problem = episode("HOST: A\nb\n[pause no].\n\nHOST: B\n").problem("lamp.md")
    assert problem["line"] == BODY_LINE + 2


def test_an_escaped_bracket_or_colon_is_text() -> None:
    project = read("HOST: A \\[pause] b.\n\nNote\\: the [Ayr](say:air) is\\: cold.\n")
    assert [(line.character, line.text) for line in project.lines] == [
        ("HOST", "A [pause] b."),
        ("HOST", "Note: the Ayr is: cold."),
    ]
    assert project.said(project.lines[1]) == "Note: the air is: cold."


def test_a_word_is_said_as_the_script_says_in_this_place_alone() -> None:
    project = read("GUEST: The *[Xalthar](say:ZAL-thar)*, then\nthe Xalthar (laughs)\n")
    (line,) = project.lines
    assert (line.text, line.direction) == ("The Xalthar, then the Xalthar", "laughs")
    assert project.said(line) == "The ZAL-thar, then the Xalthar"


def test_what_the_script_says_goes_before_the_lexicon_and_is_not_looked_up_again() -> None:
    words = FRONT.replace("language: en", "lexicon: {Xalthar: SHAL-thar, ZAL: wrong, then: zen}")
    project = read("GUEST: [Xalthar](say:ZAL) then Xalthar.\n", words)
    assert project.said(project.lines[0]) == "ZAL zen SHAL-thar."


def test_a_changed_pronunciation_renames_no_line() -> None:
    first, second = (read(f"GUEST: [Xal](say:{say}).\n").lines[0] for say in ("zal", "shal"))
    assert first.id == second.id


def test_a_colon_in_a_pronunciation_makes_no_speaker() -> None:
    project = read("The [US](say:you: ess) it was.\n")
    assert [(line.character, project.said(line)) for line in project.lines] == [("HOST", "The you: ess it was.")]


def test_what_is_no_speech_is_named_and_never_read_aloud() -> None:
    body = """\
*Really* see [this](https://a.b) and[^1] ![a lamp](lamp.png) `now`, <b>bold</b>.

[^1]: Not for the ear.

  Its second paragraph.

| a | b |
|---|---|
| 1 | 2 |

```
code
```

<div>
markup
</div>

<!-- a comment -->

1. First
"""
    project = read(body)
    assert [line.text for line in project.lines] == ["Really see this and  now, bold.", "First"]
    at = BODY_LINE
    assert [note.removeprefix("lamp.md: ") for note in project.notes] == [
        f"spoken without emphasis, because no voice takes any: the words in line {at}",
        f"spoken without its address: the link in line {at}",
        f"spoken as text: the code in line {at}",
        f"spoken without its numbers: the list in line {at + 20}",
        f"not spoken: the footnote in line {at}, {at + 2}, {at + 4}",
        f"not spoken: the image in line {at}",
        f"not spoken: the table in line {at + 6}",
        f"not spoken: the code in line {at + 10}",
        f"not spoken: the HTML in line {at}, {at + 14}",
    ]


def test_a_paragraph_of_ten_thousand_characters_is_one_line() -> None:
    sentence = "The lamp turned once more, slowly. "
    project = read(f"{sentence * 290}\n")
    assert len(project.lines) == 1
    assert len(project.said(project.lines[0])) == len(sentence) * 290 - 1 > 10_000


def test_a_line_of_nothing_but_pictures_is_refused() -> None:
    problem = episode("HOST: 🎉🎉\n").problem("lamp.md")
    assert "no letter and no digit" in problem["message"]


def test_text_that_runs_from_right_to_left_and_one_word_are_lines() -> None:
    project = read("GUEST: שלום עולם, 12.\n\nGUEST: No.\n")
    assert [line.text for line in project.lines] == ["שלום עולם, 12.", "No."]


def test_plain_text_has_the_same_columns() -> None:
    project = only_sheet("a.txt", "# Show\n## One\nMARA: [Xal](say:zal). [pause 2s] Bye.\n").project()
    assert rows(project, "chapter", "scene", "pause_after") == [("Xal.", "1", "One", "2"), ("Bye.", "1", "One", "")]
    assert project.said(project.lines[0]) == "zal."


def test_an_exported_line_keeps_its_pronunciation_and_an_edited_one_loses_it() -> None:
    line = read("GUEST: Go to [Ayr](say:air), o\u0308 Ayr.\n").lines[0]
    cell = line.extras["say_here"].replace('"', '""')
    for text, said in ((line.text, "Go to air, ö Ayr."), ("Ayr it is, Ayr.", "Ayr it is, Ayr.")):
        project = Submission(lines__csv=f'id,character,text,say_here\na1,MARA,"{text}","{cell}"\n').project()
        assert project.said(project.lines[0]) == said


def test_a_reader_that_does_not_know_pauses_would_send_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "_PAUSE", re.compile(r"(?!)"))
    assert read("GUEST: One. [pause 1s] Two.\n").lines[0].text == "One. [pause 1s] Two."


FRAGMENTS = st.sampled_from(
    [
        "HOST:_",
        "GUEST_(low):_",
        "A_lamp._",
        "(beat)_",
        "[pause_1s]",
        "[pause]",
        "[pause_x]",
        "[Ayr](say:air)",
        "[a](say:)",
        "[^1]",
        "/[^1]:_note",
        "//",
        "/",
        "__",
        "#_",
        "##_",
        "/###_",
        "*",
        "**",
        "`",
        "```",
        "-_",
        "1._",
        ">_",
        "|",
        "|---|",
        "\\",
        ":",
        "{#id}",
        "<b>",
        "<!--",
        "-->",
        "![i](x.png)",
        "[l](http:a.b)",
        "&amp;",
        "🎉",
        "é",
        "é",
        "שלום",
        "---/",
        "(",
        ")",
        "[",
        "]",
    ]
).map(lambda fragment: fragment.replace("_", " ").replace("/", "\n"))


@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_no_script_is_read_halfway_or_breaks_the_reader(body: str) -> None:
    files = episode(body)
    try:
        project = files.project("lamp.md")
    except InvalidSheet as wrong:
        problems = wrong.data["problems"]
    else:
        problems = []
        said = [text for line in project.lines for text in (line.text, project.said(line))]
        assert not [text for text in said if re.search("[\ufdd0-\ufdef]", text)]
        assert all(line.extras["paragraph"] != "0" for line in project.lines)
    assert all(problem["message"] and problem["file"] == "lamp.md" for problem in problems)
