"""A pause in a cell is checked where it is read, kept out of what is said, and never sent."""

import pytest

from pipeline.delivery import Delivery
from pipeline.intake.rules import Project, lines, parts, spoken_chars
from pipeline.intake.rules.pauses import MOST_PAUSES
from pipeline.speech.rules import Manner
from tests.unit.intake.rules.submissions import CAST, HEADER, Submission, sheet

PAUSE_SHEET = "id,character,text,pause_after\n"


def said(text: str, cast: str = CAST) -> str:
    cell = text.replace('"', '""')
    project = Submission(cast__yaml=cast, lines__csv=f'{HEADER}a1,MARA,"{cell}"\n').project()
    return project.said(project.lines[0])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Wait [pause 1.5s] what?", "Wait <#1.5#> what?"),
        ("Wait[PAUSE]what?", "Wait <#1#> what?"),
        ("Wait [pause: 800 ms], what?", "Wait <#0.8#> , what?"),
        ("Wait <#0.5#> what?", "Wait <#0.5#> what?"),
        ("Wait<#0.50#>what?", "Wait<#0.50#>what?"),
        ("They [paused] here.", "They [paused] here."),
    ],
)
def test_a_pause_is_kept_in_one_way_and_one_that_was_sent_before_as_it_stands(written: str, kept: str) -> None:
    assert said(written) == kept


def test_a_pause_is_no_word_of_the_lexicon_and_its_length_no_number() -> None:
    cast = CAST + "lexicon: {pause: PORZ, wait what: wrong, s: ess}\nnormalise: true\n"
    assert said("Wait [pause 1.5s] what pause?", cast) == "Wait <#1.5#> what PORZ?"


def test_a_line_without_a_pause_has_the_fingerprint_that_it_always_had() -> None:
    manner = Manner("kyma", "minimax-speech-hd", "system:x", "mp3", Delivery(speed=1.0))
    known = "68573b763423"
    assert manner.fingerprint(said("Who goes [there]?"))[: len(known)] == known
    assert manner.fingerprint(said("Who goes [pause] there?"))[: len(known)] != known


@pytest.mark.parametrize(
    ("text", "message", "allowed"),
    [
        ("A [pause long] b.", "[pause long] is no pause: this is not a number", "a number from 0 to 60 (s)"),
        ("A [pause 61s] b.", "[pause 61s] is no pause: this is out of range", "a number from 0 to 60 (s)"),
        ("A <#x#> b.", "<#x#> is no pause", "a number from 0 to 60 (s)"),
        ("A <#99#> b.", "this is out of range", "a number from 0 to 60 (s)"),
        ("A [pause 40] b [pause 21] c.", "its pauses last 61 seconds together", "at most 60 s"),
        ("A" + " [pause 1ms] b" * (MOST_PAUSES + 1), "the line has 21 pauses", "at most 20"),
        ("[pause 1s] A.", "a pause stands between words", ""),
        ("A. [pause 1s]", "a pause stands between words", ""),
        ("A [pause 1s] ... [pause 2s] b.", "a pause stands between words", ""),
    ],
)
def test_a_pause_that_cannot_be_is_refused_with_its_row(text: str, message: str, allowed: str) -> None:
    problem = sheet(f"{HEADER}a1,MARA,{text}\n").problem()
    assert problem["place"] == "row 2, column text"
    assert problem["value"].startswith(text[:20])
    assert message in problem["message"]
    assert problem["allowed"] == allowed


def test_what_a_script_says_word_for_word_is_no_pause() -> None:
    script = CAST.replace("lines.csv", "play.md")
    project = Submission(cast__yaml=script, play__md="MARA: It says \\[pause for effect] here.\n").project()
    (line,) = project.lines
    assert {line.text, project.said(line), project.read(line)} == {"It says [pause for effect] here."}


def test_a_fountain_script_has_pauses_as_a_cell_has() -> None:
    script = CAST.replace("lines.csv", "play.fountain")
    project = Submission(cast__yaml=script, play__fountain="MARA\nWait [pause 2s] what?\n").project()
    assert project.said(project.lines[0]) == "Wait <#2#> what?"


def test_a_take_is_cut_at_its_pauses_and_where_it_is_too_long() -> None:
    assert [tuple(part) for part in parts("One two. Three <#1.5#> four <#0#> five", 8)] == [
        ("One two.", None),
        ("Three", 1.5),
        ("four", 0.0),
        ("five", None),
    ]
    assert [part.text for part in parts("<#1#> One <#2#>", 100)] == ["One"]


@pytest.mark.parametrize("text", ["Wait <#1.5#> what?", "Wait<#1#>what?", "Wait what?", "A <#x#> b"])
def test_what_is_charged_is_what_is_sent(text: str) -> None:
    assert spoken_chars(text) == sum(len(part.text) for part in parts(text, 1_000))


def test_who_reads_a_text_sees_no_pause() -> None:
    project = sheet(f"{HEADER}a1,MARA,Wait [pause 1.5s] what?\na2,MARA,No  pause here.\n").project()
    assert [project.read(line) for line in project.lines] == ["Wait what?", "No  pause here."]


def pauses_of(project: Project) -> dict[str, str | None]:
    return {line.id: line.extras.get("pause_after") for line in project.lines}


def test_the_pause_after_a_line_is_its_own_else_that_of_its_character() -> None:
    cast = CAST.replace("MARA: {voice", "MARA: {pause_after: 0.50, voice")
    rows = 'a1,MARA,Hi.,1.5s\na2,MARA,Hi.,\na3,MARA,Hi.,0\na4,HERALD,Hi.,\na5,HERALD,Hi.,"0,25"\na6,HERALD,Hi.,800ms\n'
    project = Submission(cast__yaml=cast, lines__csv=PAUSE_SHEET + rows).project()
    assert pauses_of(project) == {
        "a1": "1.5",
        "a2": "0.5",
        "a3": "0",
        "a4": "",
        "a5": "0.25",
        "a6": "0.8",
    }
    assert project.columns == ("pause_after",)


def test_a_character_has_a_pause_where_no_sheet_has_a_column_for_it() -> None:
    cast = CAST.replace("MARA: {voice", "MARA: {pause_after: 1, voice")
    project = Submission(cast__yaml=cast).project()
    assert (pauses_of(project), project.columns) == ({"a1": "1"}, ("pause_after",))


def test_a_sheet_may_call_its_column_of_pauses_otherwise_and_it_comes_back_under_our_name() -> None:
    cast = CAST.replace("lines: lines.csv", "lines: {file: lines.csv, columns: {pause_after: Gap}}")
    project = Submission(cast__yaml=cast, lines__csv="id,character,text,Gap,mine\na1,MARA,Hi.,2,x\n").project()
    assert dict(project.lines[0].extras) == {"pause_after": "2", "mine": "x"}


def test_a_translation_has_the_pause_of_its_line_unless_its_row_says_otherwise() -> None:
    cast = CAST.replace("production:", "languages: [en, de, fr]\nproduction:").replace(
        "MARA: {", "MARA: {pause_after: 3, "
    )
    cast = cast.replace("lines.csv", "[lines.csv, {file: de.csv, language: de}, {file: fr.csv, language: fr}]")
    project = Submission(
        cast__yaml=cast,
        lines__csv=f"{PAUSE_SHEET}a1,MARA,Hi.,1.5\n",
        de__csv="id,text,pause_after\na1,Hallo.,\n",
        fr__csv="id,character,text,pause_after\na1,MARA,Salut.,2\n",
    ).project()
    assert pauses_of(project) == {"a1": "1.5", "a1@de": "1.5", "a1@fr": "2"}


@pytest.mark.parametrize("cell", ["long", "61", "-1", "nan", "1 min"])
def test_a_pause_after_a_line_that_cannot_be_is_refused_with_its_row(cell: str) -> None:
    problem = sheet(f"{PAUSE_SHEET}a1,MARA,Hi.,{cell}\n").problem()
    assert (problem["place"], problem["value"]) == ("row 2, column pause_after", cell)
    assert problem["allowed"] == "a number from 0 to 60 (s)"


def test_a_pause_of_a_character_that_cannot_be_is_refused_with_its_place() -> None:
    problem = Submission(cast__yaml=CAST.replace("MARA: {voice", "MARA: {pause_after: 90, voice")).problem()
    assert (problem["place"], problem["allowed"]) == ("characters.MARA.pause_after", "a number from 0 to 60 (s)")


def test_two_columns_of_pauses_are_refused() -> None:
    cast = CAST.replace("lines: lines.csv", "lines: {file: lines.csv, columns: {pause_after: Gap}}")
    rows = "id,character,text,Gap,pause_after\na1,MARA,Hi.,2,3\n"
    assert Submission(cast__yaml=cast, lines__csv=rows).problem()["message"] == "there is a column pause_after, too"


def test_without_the_check_of_pauses_a_wrong_one_would_be_sent_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "require_pauses", lambda _text: None)
    assert parts("A <#x#> b", 100)[0].text == "A <#x#> b"
    assert sheet(f"{HEADER}a1,MARA,A <#x#> b.\n").project().lines
