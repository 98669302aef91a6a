import datetime as dt
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from pipeline.intake.rules import EXPORT_MARK, workbook_census
from pipeline.intake.rules import workbook as workbook_rules
from tests.unit.intake.rules.submissions import Submission
from tests.unit.intake.rules.workbooks import (
    HEADER,
    lines_sheet,
    part,
    submitted,
    text_row,
    with_part,
    with_rows,
    with_shared_texts,
    workbook,
)


def only_problem(files: Submission) -> tuple[str, str, str]:
    problem = files.problem()
    return problem["place"], problem["value"], problem["message"]


def test_a_workbook_is_read_as_it_is_seen() -> None:
    rows = [
        ("id", "character", "text", "Direction", "Speed", "Scene", "Take", "On"),
        ("a_1", "MARA", "Où est-il ?\nLà.", "calm", 0.9, "dock", 3, dt.date(2026, 1, 31)),
        (),
        (7, "HERALD", 1984, None, None, None, 1.5, None),
    ]
    project = submitted(workbook({"Lines": rows})).project()
    first, second = project.lines
    assert (first.id, first.text, first.direction, first.speed) == ("a_1", "Où est-il ?\nLà.", "calm", 0.9)
    assert first.extras == {"Scene": "dock", "Take": "3", "On": "2026-01-31"}
    assert (second.id, second.text, second.row, second.extras["Take"]) == ("7", "1984", 4, "1.5")
    assert project.columns == ("Scene", "Take", "On")
    assert project.encodings == {}


def test_every_mistake_of_a_workbook_is_told_at_once_with_its_cell() -> None:
    def formats(book: Any) -> None:
        book["Lines"]["A6"].number_format = "000"

    found = lines_sheet(
        ("a_1", "MARRA", "Hi."),
        ("a/2", "MARA", "Hi."),
        ("a_3", "MARA", None),
        ("A_1", "MARA", "Hi."),
        (7, "MARA", "Hi."),
        (dt.date(2026, 1, 5), "MARA", "Hi."),
        ("a_8", "MARA", True),
        ("a_9", "MARA", "=1+1"),
        (12345678901234567890, "MARA", "Hi.", "beyond"),
        change=formats,
    ).problems()
    assert {problem["file"] for problem in found} == {"book.xlsx"}
    assert [(problem["place"], problem["value"]) for problem in found] == [
        ("Lines!B2", "MARRA"),
        ("Lines!A3", "a/2"),
        ("Lines!C4", ""),
        ("Lines!A5", "A_1"),
        ("Lines!A6", "7"),
        ("Lines!A7", "2026-01-05"),
        ("Lines!C8", "TRUE"),
        ("Lines!C9", ""),
        ("Lines, row 10", "beyond"),
        ("Lines!A10", "1.23456789012346e+19"),
    ]
    assert found[0]["hint"] == "did you mean MARA?"
    assert "differs only by case from a_1 in Lines, row 2 of book.xlsx" in found[3]["message"]
    assert "the number 7, and shows it by the format 000" in found[4]["message"]
    assert "a date" in found[5]["message"]
    assert "not stored" in found[7]["message"]
    assert "15 digits" in found[9]["message"]
    assert all(problem["line"] is None for problem in found)


def test_a_date_that_is_only_kept_is_no_problem() -> None:
    rows = [(*HEADER, "due"), ("a_1", "MARA", "Hi.", dt.datetime(2026, 1, 31, 9, 30))]  # noqa: DTZ001 - cells have no zone
    assert submitted(workbook({"Lines": rows})).project().lines[0].extras == {"due": "2026-01-31 09:30:00"}


def test_a_formula_gives_the_result_that_was_stored() -> None:
    formula = '<c t="str"><f>"a_"&amp;1</f><v>a_1</v></c>'
    row = f'<row r="2">{formula}<c t="inlineStr"><is><t>MARA</t></is></c><c t="str"><f>A9</f><v>Hi.</v></c></row>'
    line = with_rows(text_row(1, *HEADER) + row).project().lines[0]
    assert (line.id, line.text) == ("a_1", "Hi.")


def test_an_error_value_is_a_problem_where_it_would_be_spoken() -> None:
    row = text_row(2, "a", "MARA").replace("</row>", '<c t="e"><v>#REF!</v></c></row>')
    place, value, message = only_problem(with_rows(text_row(1, *HEADER) + row))
    assert (place, value) == ("Lines!C2", "#REF!")
    assert "shows the error" in message


def test_line_breaks_of_old_systems_are_no_text() -> None:
    line = with_rows(text_row(1, *HEADER) + text_row(2, "a", "MARA", "One._x000D_Two.")).project().lines[0]
    assert line.text == "One.\rTwo."


def test_the_sheet_whose_header_fits_is_taken_and_a_hidden_one_never() -> None:
    def hide(book: Any) -> None:
        book["Old"].sheet_state = "hidden"

    row = ("a_1", "MARA", "Hi.")
    data = workbook({"Old": [HEADER, ("b", "MARA", "No.")], "Notes": [("to do",)], "Lines": [HEADER, row]}, hide)
    assert [line.text for line in submitted(data).project().lines] == ["Hi."]
    named = submitted(data, "{file: book.xlsx, sheet: Old}")
    assert [line.text for line in named.project().lines] == ["No."]


TITLES = [("HARBOUR NIGHTS, VO SCRIPT v0.7", None, None), (), ("id", "draft", None)]


def test_titles_above_the_header_are_passed_over_and_told() -> None:
    read = submitted(workbook({"Lines": [*TITLES, HEADER, ("a_1", "MARA", "Hi.")]})).project()
    assert [(line.id, line.row) for line in read.lines] == [("a_1", 5)]
    assert read.notes == ("book.xlsx: not spoken, because it stands above the header: row 1, 3",)


def test_where_no_row_is_a_header_the_first_one_is_told_of() -> None:
    found = submitted(workbook({"Lines": [*TITLES, ("a_1", "MARA", "Hi.")]})).problems()
    assert {problem["place"] for problem in found} >= {"Lines, row 1, column id"}


def test_a_header_is_looked_for_at_the_top_alone() -> None:
    titles = [("x", "y", "z")] * workbook_rules.HEADER_ROWS
    assert submitted(workbook({"Lines": [*titles, HEADER, ("a_1", "MARA", "Hi.")]})).problems()


def test_other_sheets_that_could_be_read_are_named() -> None:
    acts = {name: [HEADER, (f"a_{number}", "MARA", "Hi.")] for number, name in enumerate(("Act 1", "Act 2", "Act 3"))}
    read = submitted(workbook({**acts, "Notes": [("Ask Petra",)]})).project()
    assert [line.id for line in read.lines] == ["a_0"]
    said = "not read by this entry, though the columns fit: Act 2, Act 3; `sheet: Act 2` reads another"
    assert read.notes == (f"book.xlsx: {said}",)


def test_two_sheets_of_one_workbook_are_two_entries() -> None:
    data = workbook({"A": [HEADER, ("a", "MARA", "Hi.")], "B": [HEADER, ("a", "MARA", "Ho.")]})
    both = submitted(data, "[{file: book.xlsx, sheet: A}, {file: book.xlsx, sheet: B}]")
    place, _, message = only_problem(both)
    assert place == "B!A2"
    assert "first in A, row 2 of book.xlsx, again in B, row 2" in message
    twice = submitted(data, "[{file: book.xlsx, sheet: A}, {file: book.xlsx, sheet: A}]")
    assert "listed twice" in twice.problems()[0]["message"]


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are() -> None:
    problem = submitted(workbook({"Lines": [HEADER], "Cast": []}), "{file: book.xlsx, sheet: Line}").problem()
    assert (problem["allowed"], problem["hint"]) == ("Lines, Cast", "did you mean Lines?")


def test_where_no_header_fits_the_nearest_one_is_told() -> None:
    data = workbook({"Cast": [("name",)], "Lines": [("id", "speeker", "text"), ("a", "MARA", "Hi.")]})
    problem = submitted(data).problem()
    assert problem["place"] == "Lines, row 1, column character"
    assert "did you mean speeker?" in problem["hint"]


def test_columns_are_mapped_as_in_any_sheet() -> None:
    data = workbook({"Lines": [("Cue", "Who", "English", "text"), ("a", "MARA", "Hi.", "x")]})
    line = submitted(data, "{file: book.xlsx, columns: {id: Cue, character: Who, text: English}}").project().lines[0]
    assert (line.text, line.extras) == ("Hi.", {"text": "x"})


def test_our_own_export_comes_back_as_it_went_out() -> None:
    rows = [(*HEADER, EXPORT_MARK, "'=scene"), ("a", "MARA", "'-- no", "1", "'=1")]
    line = submitted(workbook({"Lines": rows})).project().lines[0]
    assert (line.text, line.extras) == ("-- no", {"=scene": "=1"})


def test_a_size_that_the_sheet_only_claims_to_have_is_not_believed() -> None:
    claimed = '<dimension ref="A1:XFD1048576"/><sheetData>'
    files = with_rows(text_row(1, *HEADER) + text_row(2, "a", "MARA", "Hi."))
    book = files.read_bytes("book.xlsx")
    xml = part(book, "xl/worksheets/sheet1.xml").replace(b"<sheetData>", claimed.encode())
    assert len(submitted(with_part(book, "xl/worksheets/sheet1.xml", xml)).project().lines) == 1


def test_a_million_rows_below_the_last_line_are_passed_over_and_a_cell_there_is_a_problem() -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    first = with_rows(text_row(1, *HEADER) + text_row(2, "a", "MARA", "Hi.") + far).problems()[0]
    assert (first["place"], first["value"]) == ("Lines, row 1048576", "1")
    assert "16384 cells and the header 3" in first["message"]


HOSTILE = {
    "rows of no spreadsheet": (text_row(1, *HEADER) + text_row(9_999_999, "a"), "follows the row 1"),
    "rows out of order": (text_row(2, *HEADER) + text_row(1, "a", "MARA", "Hi."), "follows the row 2"),
    "cells of no spreadsheet": (f'<row r="1">{"<c/>" * 16_385}</row>', "16384 cells in row 1"),
    "a cell of many parts": (f'<row r="1"><c><is>{"<t/>" * 10_001}</is></c></row>', "elements in one cell"),
    "a text without end": (f'<row r="1"><c><v>{"1" * (5 << 20)}</v></c></row>', "characters without a break"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_sheet_that_would_fill_the_memory_is_refused_before_it_is_read(kind: str) -> None:
    rows, said = HOSTILE[kind]
    assert said in with_rows(rows).problem()["message"]


@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("UNPACKED_BYTES", 5_000, "the workbook has"),
        ("SHEET_BYTES", 500, "xl/worksheets/sheet1.xml has"),
        ("PART_BYTES", 500, "when unpacked"),
        ("WORKBOOK_BYTES", 500, "the workbook has"),
        ("DIRECTORY_BYTES", 100, "list of parts"),
        ("MOST_CELLS", 5, "more than 5 cells"),
        ("MOST_OTHERS", 2, "no cells"),
    ],
)
def test_what_is_too_large_is_refused_with_what_was_measured_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, said: str
) -> None:
    files = lines_sheet(("a_1", "MARA", "Hi."))
    assert len(files.project().lines) == 1
    monkeypatch.setattr(workbook_census, limit, most)
    problem = files.problem()
    assert said in problem["message"]
    assert problem["hint"] or problem["allowed"]


def test_a_bomb_of_zeros_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = with_part(workbook({"Lines": [HEADER]}), "xl/theme/theme1.xml", b"<a>" + b" " * (17 << 20) + b"</a>")
    assert len(bomb) < 50_000
    problem = submitted(bomb).problem()
    assert "xl/theme/theme1.xml has 17825799 bytes when unpacked" in problem["message"]
    monkeypatch.setattr(workbook_census, "PART_BYTES", 18 << 20)
    assert "no lines" in submitted(bomb).problem()["message"]


def test_entities_are_refused_in_any_part() -> None:
    head = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    assert "declares a document type" in with_rows(text_row(1, "&a;"), head).problem()["message"]


def test_texts_in_a_table_of_their_own_are_read_without_their_looks() -> None:
    rich = "<r><t>Hi </t></r><r><rPr><b/></rPr><t>there.</t></r>"
    assert with_shared_texts(("a", "MARA", rich)).project().lines[0].text == "Hi there."


def test_a_table_of_texts_has_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    files = with_shared_texts(("a", "MARA", "Hi."), root="worksheet")
    assert "table of texts is none" in files.problem()["message"]
    monkeypatch.setattr(workbook_rules, "_texts_are_texts", lambda *_: None)
    assert files.project().lines[0].text == "Hi."


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda _: b"", "no workbook"),
        (lambda data: data[: len(data) // 2], "its end is missing"),
        (lambda _: b"\xd0\xcf\x11\xe0" + b"\0" * 600, "has a password"),
        (lambda _: b"id,character,text\n", "no workbook"),
        (lambda data: with_part(data, "xl/workbook.xml", b"<workbook/>"), "no sheet that can be seen"),
        (lambda data: with_part(data, "xl/styles.xml", b"<a"), "cannot be read"),
        (lambda data: with_part(data, "xl/worksheets/sheet1.xml", b"<worksheet><a>"), "is damaged in line 1"),
    ],
)
def test_a_damaged_workbook_is_one_problem_and_no_traceback(spoil: Callable[[bytes], bytes], said: str) -> None:
    data = lines_sheet(("a_1", "MARA", "Hi.")).read_bytes("book.xlsx")
    assert said in submitted(spoil(data)).problem()["message"]


def test_damage_that_only_a_row_shows_ends_the_sheet_with_a_problem() -> None:
    broken = '<row r="3"><c t="s"><v>99</v></c></row>'
    place, _, message = only_problem(with_rows(text_row(1, *HEADER) + text_row(2, "a", "MARA", "Hi.") + broken))
    assert place == "Lines, row 3"
    assert "cannot be read from here on" in message


def test_an_empty_workbook_is_a_problem() -> None:
    assert submitted(workbook({"Lines": []})).problem()["message"] == "the sheet is empty"


def test_formatted_empty_cells_to_the_right_are_no_columns() -> None:
    def format_far(book: Any) -> None:
        for row in (1, 2):
            book["Lines"].cell(row, 1024).font = openpyxl.styles.Font(bold=True)

    project = lines_sheet(("a_1", "MARA", "Hi."), change=format_far).project()
    assert project.columns == ()
