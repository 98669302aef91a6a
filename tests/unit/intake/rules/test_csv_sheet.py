import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.intake.rules.submissions import HEADER, cast, sheet, two_sheets

CELLS = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffd"), max_size=30)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffd")
    | st.sampled_from("\n\t,;\"'"),
    max_size=60,
).map(lambda text: f"x{text}")


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    return stream.getvalue()


@given(
    rows=st.lists(st.tuples(TEXTS, CELLS), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@example(rows=[("x;;;;;", "")], delimiter=",", encoding="utf-8", end="\n")
def test_what_a_spreadsheet_writes_is_read_back_whole(
    rows: list[tuple[str, str]], delimiter: str, encoding: str, end: str
) -> None:
    table = [["id", "character", "text", "scene"], *([f"l{n}", "MARA", *row] for n, row in enumerate(rows))]
    project = sheet(written(table, delimiter, end).encode(encoding)).project()
    assert [(line.text, line.extras["scene"]) for line in project.lines] == rows
    assert [line.row for line in project.lines] == list(range(2, len(rows) + 2))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_sheet_or_problems_but_never_a_crash(content: bytes) -> None:
    assert sheet(content).problems()


@given(st.lists(st.text(st.sampled_from('a",;\n\r\t \x00='), max_size=30), min_size=1, max_size=5))
def test_any_mess_of_quotes_and_separators_is_lines_or_problems_but_never_a_crash(cells: list[str]) -> None:
    files = two_sheets("")
    files.files["lines.csv"] = HEADER + "good,MARA,Hi.\n" + ",".join(cells)
    assert files.problems()


def test_separators_in_the_text_do_not_decide_the_separator() -> None:
    assert sheet("id;character;text\na1;MARA;Yes, yes, yes, yes, yes.\n").project().lines[0].text.count(",") == 4


def test_the_separator_that_excel_declares_is_obeyed() -> None:
    project = sheet("sep=;\r\nid;character;text\r\na1;NOBODY;Hi.\r\n").problem()
    assert (project["place"], project["line"]) == ("row 2, column character", 3)


def test_a_quotation_mark_that_is_never_closed_is_named_where_it_opens() -> None:
    problem = sheet(f'{HEADER}a1,MARA,Hi.\na2,MARA,"oops\na3,MARA,Ho.\n').problem()
    assert (problem["place"], problem["line"]) == ("row 3", 3)
    assert "never closed" in problem["message"]


def test_an_unclosed_quotation_mark_in_a_long_sheet_is_named_where_it_opens() -> None:
    rows = "".join(f"b{n},MARA,Hold the line.\n" for n in range(10_000))
    first = sheet(f'{HEADER}a1,MARA,"oops\n{rows}').problems()[0]
    assert (first["place"], first["line"]) == ("row 2", 2)
    assert "never closed" in first["message"]


def test_rows_after_one_that_cannot_be_taken_apart_are_judged_too() -> None:
    places = [p["place"] for p in sheet(f'{HEADER}a1,MARA,"Stop!" she cried\na2,NOBODY,Hi.\n').problems()]
    assert places == ["row 2", "row 3, column character"]


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_a_workbook_under_a_text_files_name_is_recognised(content: bytes) -> None:
    problem = sheet(content).problem()
    assert "workbook" in problem["message"]
    assert "CSV UTF-8" in problem["hint"]


def test_a_broken_header_is_one_problem() -> None:
    assert "the header in row 1 cannot be read" in sheet('"id"x,character,text\na1,MARA,Hi.\n').problem()["message"]


def test_tabs_are_read_from_a_tsv_file() -> None:
    files = cast("lines: lines.tsv")
    files.files["lines.tsv"] = "id\tcharacter\ttext\na1\tMARA\tHi, there.\n"
    assert files.project().lines[0].text == "Hi, there."
