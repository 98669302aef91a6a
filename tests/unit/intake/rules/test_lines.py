import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intake.rules import EXPORT_MARK, guard, unguard
from pipeline.intake.rules.columns import SYNONYMS
from tests.unit.intake.rules.submissions import HEADER, cast, sheet, two_sheets


@pytest.mark.parametrize(
    "line_id",
    ["a", "sm_010_mara_greet", "A.b-c_9", "-x", "x" * 200, "été_01", "線_001", "हिन्दी", "console", "com10", "1.2.3"],
)
def test_an_id_that_can_name_a_file_everywhere_is_kept_unchanged(line_id: str) -> None:
    assert sheet(f"{HEADER}{line_id},MARA,Hi.\n").project().lines[0].id == line_id


@pytest.mark.parametrize(
    ("line_id", "said"),
    [
        ("", "the name is empty"),
        ("a/b", "'/'"),
        ("..", "a dot"),
        (".a", "a dot"),
        ("a b", "space"),
        ("a\u200bb", "zero width space"),
        ("a\x00b", "U+0000"),
        ('"a\nb"', "U+000A"),
        ("x" * 201, "201 characters"),
        ("線" * 81, "243 bytes"),
        ("con", "reserves the name con"),
        ("NUL.txt", "reserves the name NUL"),
        ("LPT9", "reserves the name LPT9"),
        ("COM¹", "reserves the name COM¹"),
        ("a:b", "':'"),
        ("a*", "'*'"),
        ("😀", "'😀'"),
    ],
)
def test_an_id_that_cannot_name_a_file_is_refused_with_what_is_allowed(line_id: str, said: str) -> None:
    problem = sheet(f"{HEADER}{line_id},MARA,Hi.\n").problem()
    assert problem["place"] == "row 2, column id"
    assert said in problem["message"]
    assert "1 to 200 characters" in problem["allowed"]


def test_a_repeated_id_names_both_rows() -> None:
    problem = sheet(f"{HEADER}a1,MARA,Hi.\na2,MARA,Hi.\na1,MARA,Ho.\n").problem()
    assert problem["place"] == "row 4, column id"
    assert "first in row 2 of lines.csv, again in row 4" in problem["message"]


@pytest.mark.parametrize(("first", "second"), [("Line1", "LINE1"), ("straße", "STRASSE"), ("É", "é")])
def test_ids_that_a_file_system_takes_for_one_are_refused(first: str, second: str) -> None:
    problem = sheet(f"{HEADER}{first},MARA,Hi.\n{second},MARA,Ho.\n").problem()
    assert f"differs only by case from {first} in row 2" in problem["message"]


def test_two_spellings_of_one_accent_are_one_id() -> None:
    problem = sheet(f"{HEADER}caf\u00e9,MARA,Hi.\ncafe\u0301,MARA,Ho.\n").problem()
    assert "used twice" in problem["message"]


def test_ids_are_unique_over_all_sheets() -> None:
    files = two_sheets(f"{HEADER}a1,MARA,Hi.\n")
    problem = files.problem()
    assert (problem["file"], problem["place"]) == ("more.csv", "row 2, column id")
    assert "first in row 2 of lines.csv" in problem["message"]


@pytest.mark.parametrize(
    ("name", "hint"), [("mara", "did you mean MARA?"), ("HARALD", "did you mean HERALD?"), ("ZZ", "add the character")]
)
def test_an_unknown_character_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    problem = sheet(f"{HEADER}a1,{name},Hi.\n").problem()
    assert (problem["place"], problem["value"]) == ("row 2, column character", name)
    assert hint in problem["hint"]
    assert problem["allowed"] == "MARA, HERALD"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("...", "nothing to speak"),
        ("—!?", "nothing to speak"),
        ("a\x00b", "U+0000 at position 2"),
        ("a\x1bb", "U+001B"),
        ("caf\ufffd", "a character was lost"),
    ],
)
def test_a_text_that_cannot_be_spoken_is_refused(text: str, said: str) -> None:
    problem = sheet(f"{HEADER}a1,MARA,{text}\n").problem()
    assert problem["place"] == "row 2, column text"
    assert said in problem["message"]
    assert "\x00" not in problem["value"]


def test_a_text_is_kept_as_it_was_written() -> None:
    text = "  “Wait” — she said…\n\tthen: =1+1, 'tis "
    assert sheet(f'{HEADER}a1,MARA,"{text}"\n').project().lines[0].text == text


def test_control_characters_in_the_sheets_own_columns_are_refused_too() -> None:
    problem = sheet("id,character,text,scene\na1,MARA,Hi.,x\x07\n").problem()
    assert problem["place"] == "row 2, column scene"


@pytest.mark.parametrize(("cell", "speed"), [("", None), ("1", 1.0), ("0.5", 0.5), (" 2.0 ", 2.0), ('"1,25"', 1.25)])
def test_a_lines_speed_is_a_number_in_range(cell: str, speed: float | None) -> None:
    line = sheet(f"id,character,text,speed\na1,MARA,Hi.,{cell}\n").project().lines[0]
    assert line.speed == speed


@pytest.mark.parametrize("cell", ["0.49", "2.01", "fast", "nan", "inf", "-1", "1e0", "١"])
def test_another_speed_is_refused_with_the_range(cell: str) -> None:
    problem = sheet(f"id,character,text,speed\na1,MARA,Hi.,{cell}\n").problem()
    assert (problem["place"], problem["value"]) == ("row 2, column speed", cell)
    assert "0.5 to 2.0" in problem["allowed"]


@pytest.mark.parametrize(
    ("column", "cell", "allowed"),
    [
        ("pitch", "high", "whole semitones from -24 to 24"),
        ("pitch", "25", "whole semitones from -24 to 24"),
        ("pitch", "1.5", "whole semitones from -24 to 24"),
        ("volume", "0", "a number above 0"),
        ("volume", "10.1", "a number above 0"),
        ("emotion", "very sad", "one word, such as calm or angry"),
        ("emotion", "(laughs)", "one word, such as calm or angry"),
    ],
)
def test_another_delivery_is_refused_with_what_is_allowed(column: str, cell: str, allowed: str) -> None:
    problem = sheet(f"id,character,text,{column}\na1,MARA,Hi.,{cell}\n").problem()
    assert (problem["place"], problem["value"]) == (f"row 2, column {column}", cell)
    assert allowed in problem["allowed"]


@pytest.mark.parametrize(("role", "header"), [(role, name) for role, names in SYNONYMS.items() for name in names])
@pytest.mark.parametrize("style", [str.upper, str.title, lambda name: f" {name.replace(' ', '_')} "])
def test_headers_are_understood_in_the_words_of_the_field_whatever_their_case(
    role: str, header: str, style: Callable[[str], str]
) -> None:
    titles = {name: name for name in SYNONYMS}
    titles[role] = style(header)
    line = sheet(f"{','.join(titles.values())}\na1,MARA,Hi.,softly,1.5,-2,0.8,calm\n").project().lines[0]
    assert line[:8] == ("a1", "MARA", "Hi.", "softly", 1.5, -2, 0.8, "calm")


def test_where_two_headers_fit_the_usual_one_wins_and_the_other_is_kept() -> None:
    project = sheet("line,id,character,dialogue,notes,direction\n7,a1,MARA,Hi.,later,softly\n").project()
    assert (project.lines[0].text, project.lines[0].direction) == ("Hi.", "softly")
    assert project.lines[0].extras == {"line": "7", "notes": "later"}


def test_a_sheet_may_call_its_columns_as_it_likes() -> None:
    files = cast("lines: {file: lines.csv, columns: {id: Line ID, character: WHO, text: English}}")
    files.files["lines.csv"] = "who,line id,english,text\nMARA,a1,Hi.,unused\n"
    project = files.project()
    assert (project.lines[0].id, project.lines[0].text) == ("a1", "Hi.")
    assert project.columns == ("text",)


def test_a_named_column_that_is_not_there_is_a_problem_even_where_another_would_fit() -> None:
    files = cast("lines: {file: lines.csv, columns: {text: Englisch}}")
    files.files["lines.csv"] = "id,character,text,English\na1,MARA,Hi.,Hi.\n"
    problem = files.problem()
    assert problem["place"] == "row 1, column Englisch"
    assert problem["hint"] == "did you mean English?"


def test_a_missing_column_names_the_headers_there_are_and_the_nearest() -> None:
    problem = sheet("id,charcter,text\na1,MARA,Hi.\n").problem()
    assert problem["place"] == "row 1, column character"
    assert "id, charcter, text" in problem["message"]
    assert "did you mean charcter?" in problem["hint"]


def test_a_header_that_stands_twice_is_refused() -> None:
    problem = sheet("id,character,text,take,take\na1,MARA,Hi.,1,2\n").problem()
    assert (problem["place"], problem["message"]) == ("row 1, column take", "two columns have this header")


def test_a_row_with_more_cells_than_the_header_is_a_text_that_nobody_quoted() -> None:
    problem = sheet(f"{HEADER}a1,MARA,Well, hello\n").problem()
    assert (problem["place"], problem["value"]) == ("row 2", " hello")
    assert "quotation marks" in problem["hint"]


def test_empty_columns_and_rows_that_spreadsheets_leave_behind_are_passed_over() -> None:
    project = sheet("id,character,text,,\na1,MARA,Hi.,,\n,,,,\n\na2,MARA,Ho.\n").project()
    assert [(line.id, line.row) for line in project.lines] == [("a1", 2), ("a2", 5)]


def test_a_cell_under_no_header_is_not_lost_silently() -> None:
    problem = sheet("id,character,text,\na1,MARA,Hi.,kept?\n").problem()
    assert (problem["value"], problem["message"]) == ("kept?", "column 4 has no header")


@pytest.mark.parametrize(
    ("content", "said"), [("", "sheet is empty"), ("\n \n", "sheet is empty"), (HEADER, "no lines")]
)
def test_a_sheet_without_lines_is_a_problem(content: str, said: str) -> None:
    assert said in sheet(content).problem()["message"]


def test_rows_count_as_in_a_spreadsheet_and_lines_as_in_an_editor() -> None:
    problem = sheet(f'\n{HEADER}a1,MARA,"one\ntwo\nthree"\na2,NOBODY,Hi.\n').problem()
    assert (problem["place"], problem["line"]) == ("row 4, column character", 6)


@given(st.text(max_size=40))
def test_guarding_a_cell_is_undone_exactly(cell: str) -> None:
    assert unguard(guard(cell)) == cell
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_apostrophe_of_our_own_exports_is_taken_away_and_that_of_others_is_not() -> None:
    row = 'a1,MARA,"\'-- no, wait","\'=scene",1\n'
    ours = sheet(f"id,character,text,scene,{EXPORT_MARK}\n{row}").project()
    assert (ours.lines[0].text, ours.lines[0].extras, ours.columns) == ("-- no, wait", {"scene": "=scene"}, ("scene",))
    theirs = sheet(f"id,character,text,scene,export\n{row}").project()
    assert theirs.lines[0].text == "'-- no, wait"


IDS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20).filter(
    lambda name: name.lower() not in {"con", "prn", "aux", "nul"} and not name.lower().startswith(("com", "lpt"))
)


@given(ids=st.lists(IDS, min_size=1, max_size=20, unique_by=str.lower))
def test_every_line_gets_a_file_name_of_its_own(ids: list[str]) -> None:
    project = sheet(HEADER + "".join(f"{name},MARA,Hi.\n" for name in ids)).project()
    assert [line.id for line in project.lines] == ids
