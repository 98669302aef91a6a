import pytest

from pipeline.intake.rules import script
from pipeline.intake.rules.project import Line
from tests.unit.intake.rules.submissions import Submission, only_sheet, told

SCENE = """\
Title: The Bell

# Act One

INT. FERRY - NIGHT #1#

The water is black.

MARA (V.O.) (CONT'D)
(under her breath)
You picked a *bad* night.
Sit __down__.
(louder)
Now!

HERALD ^
~Row, row,
(laughs) and row.

CUT TO:

EXT. MARSH - DAY

MARA
No. [[he means yes]]
"""


def play(content: str) -> Submission:
    return only_sheet("scene.fountain", content)


def by_text(files: Submission) -> dict[str, Line]:
    return {line.text: line for line in files.project().lines}


def test_cues_parentheticals_and_dialogue_become_lines() -> None:
    project = play(SCENE).project()
    assert [(line.character, line.text, line.direction, line.row) for line in project.lines] == [
        ("MARA", "You picked a bad night.\nSit down.", "under her breath", 11),
        ("MARA", "Now!", "louder", 14),
        ("HERALD", "Row, row,\nand row.", "laughs", 17),
        ("MARA", "No.", "", 25),
    ]
    told = [{name: text for name, text in line.extras.items() if text} for line in project.lines]
    ferry = {"scene": "INT. FERRY - NIGHT", "chapter": "1"}
    assert told == [
        ferry | {"extension": "V.O.", "paragraph": "1"},
        ferry | {"extension": "V.O.", "paragraph": "1"},
        ferry | {"paragraph": "2"},
        {"scene": "EXT. MARSH - DAY", "chapter": "2", "paragraph": "3"},
    ]
    assert project.notes == ("scene.fountain: not spoken, because it is no dialogue: the text in line 7",)


def test_a_direction_is_never_part_of_the_text() -> None:
    lines = by_text(play("MARA\n(sighs) Fine. (beat)\n(to him) Go.\n"))
    assert lines["Fine.\nGo."].direction == "sighs; beat; to him"


def test_what_is_sung_is_spoken() -> None:
    assert list(by_text(play("MARA\n~Row, row,\n~and row.\n"))) == ["Row, row,\nand row."]


def test_parentheses_within_a_sentence_are_spoken_and_told() -> None:
    project = play("MARA\nI asked (twice) already.\n").project()
    assert project.lines[0].text == "I asked (twice) already."
    assert project.notes == ("scene.fountain: spoken, because they stand within a sentence: the parentheses in line 2",)


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    files = play(
        "MARRA\nHi.\n\n"
        "MARA\n[[id: a/b]] Hi.\n\n"
        "MARA\n...\n\n"
        "ÉLODIE\nBonjour.\n\n"
        "MARA\nOne. [[id: twin]]\n\n"
        "HERALD\nTwo. [[id: TWIN]]\n\n"
        "MARA\nA bell\x07 rings.\n"
    )
    assert told(files) == [
        ("line 2, part character", "MARRA"),
        ("line 5, part id", "a/b"),
        ("line 8, part text", "..."),
        ("line 11, part character", "ÉLODIE"),
        ("line 17, part id", "TWIN"),
        ("line 20, part text", "A bell\\x07 rings."),
    ]
    problems = files.problems()
    assert problems[0]["hint"] == "did you mean MARA?"
    assert "differs only by case from twin in line 14 of scene.fountain" in problems[4]["message"]


def test_a_line_may_carry_an_id_of_its_own() -> None:
    lines = by_text(play("MARA [[id: m_1]]\nOne.\n\nMARA\nTwo. [[id: m_2]]\n\n[[id: m_3]]\n\nMARA\nThree.\n"))
    assert [lines[text].id for text in ("One.", "Two.")] == ["m_1", "m_2"]
    assert lines["Three."].id.startswith("script-mara-")


def test_an_id_does_not_depend_on_where_its_line_stands() -> None:
    before = by_text(play(SCENE))
    added = SCENE.replace("MARA (V.O.)", "HERALD\nListen.\n\nMARA (V.O.)")
    moved = SCENE.replace("Title: The Bell\n\n", "")
    for changed in (added, moved):
        after = by_text(play(changed))
        assert {text: after[text].id for text in before} == {text: line.id for text, line in before.items()}


def test_of_equal_lines_the_later_ones_are_counted_within_their_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    no = "MARA\nNo.\n\n"
    first = [line.id for line in play(f".BAR\n\n{no}.DOCK\n\n{no}{no}").project().lines]
    assert len(set(first)) == 3
    more = [line.id for line in play(f".BAR\n\n{no}{no}.DOCK\n\n{no}{no}").project().lines]
    assert [line for line in more if line in first] == first
    assert first[1].startswith("dock-mara-")
    monkeypatch.setattr(script, "derived_id", lambda speech, _: f"line-{speech.line}")
    assert [line.id for line in play(f".BAR\n\n{no}{no}").project().lines] == ["line-4", "line-7"]


def test_long_scenes_and_names_of_any_script_still_give_an_id_that_names_a_file() -> None:
    files = play(f".{'Порт ' * 60}\n\nÉLODIE L'ÉTRANGE\nBonjour.\n")
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace("HERALD:", "Élodie l'Étrange:")
    line = files.project().lines[0]
    assert line.character == "Élodie l'Étrange"
    assert line.id.startswith("порт-порт-")
    assert "-élodie-l-étrange-" in line.id
    assert len(line.id.encode()) <= 240


def test_names_are_cues_and_match_whatever_their_case() -> None:
    files = play("MARA\nHi.\n\n@McAvoy\nHo.\n")
    files.files["cast.yaml"] = str(files.files["cast.yaml"]).replace("HERALD:", "McAVOY:").replace("MARA:", "Mara:")
    assert [line.character for line in files.project().lines] == ["Mara", "McAVOY"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("MARA\nHi.\n/* out\nMARA\nHo.\n", "/* is opened in line 3 and never closed"),
        ("MARA\nHi. [[note\n\nMARA\nHo.\n", "[[ is opened in line 2 and never closed"),
        ("The water is black.\n", "the sheet has no lines"),
        ("", "a header and no lines"),
        (f"MARA\n{'x' * 20_001}\n", "line 2 has 20001 characters"),
        ("\n" * 200_001, "the script has 200002 lines"),
    ],
)
def test_what_cannot_be_read_whole_is_refused(content: str, said: str) -> None:
    assert said in play(content).problem()["message"]


def test_what_is_commented_out_is_not_spoken_and_lines_keep_their_numbers() -> None:
    files = play("/* MARA\nNo.\n*/\n\nMARA\nYes. /* no */ Go.\n")
    assert [(line.text, line.row) for line in files.project().lines] == [("Yes.  Go.", 6)]


@pytest.mark.parametrize(
    "entry", [", columns: {id: Cue}", ", sheet: Lines", ", needs_update: skip", ", metadata: a.csv"]
)
def test_what_a_script_does_not_have_is_refused_in_the_project_file(entry: str) -> None:
    problem = only_sheet("scene.fountain", SCENE, entry).problem()
    assert (problem["file"], problem["place"]) == ("cast.yaml", "lines.1")
    assert "a sheet of the format fountain has no" in problem["message"]


def test_what_is_no_dialogue_is_told_and_so_is_an_address_that_is_spoken() -> None:
    scene = "INT. FERRY\n\nThe water is black.\n\nMARA\nSee www.a.example.\n\nmara\nNobody says this.\n\nCUT TO:\n"
    project = play(scene).project()
    assert [line.text for line in project.lines] == ["See www.a.example."]
    assert project.notes == (
        "scene.fountain: not spoken, because it is no dialogue: the text in line 3, 8, 9",
        "scene.fountain: spoken, because it stands in the text itself: the address in line 6",
    )
