"""What holds for sheets of every format."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.intake.rules import read_project
from pipeline.intake.rules.readers import FORMATS
from tests.unit.intake.rules.submissions import Submission, only_sheet
from tests.unit.intake.rules.workbooks import submitted, workbook

REPOSITORY = Path(__file__).parents[4]
COLUMNS = ("id", "character", "text", "Scene № 1", "wwise id")
Row = Mapping[str, str]


def as_csv(rows: list[Row]) -> Submission:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return only_sheet("lines.csv", file.getvalue())


def as_workbook(rows: list[Row]) -> Submission:
    return submitted(workbook({"Lines": [COLUMNS, *(list(row.values()) for row in rows)]}))


def as_json_lines(rows: list[Row]) -> Submission:
    return only_sheet("lines.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def as_yaml(rows: list[Row]) -> Submission:
    return only_sheet("lines.yaml", json.dumps(rows[:400]))


def as_yarn(rows: list[Row]) -> Submission:
    files = as_csv([{**row, "id": f"line:{row['id']}"} for row in rows])
    return only_sheet("lines.csv", files.files["lines.csv"], ", format: yarn")


WRITERS = [as_csv, as_workbook, as_json_lines, as_yaml, as_yarn]


def rows(count: int) -> list[Row]:
    """Lines with the same text again and again, long ids, and letters of several scripts."""
    ids = [f"été_線_{n:05}" if n % 3 else f"{n:05}{'x' * 195}" for n in range(count)]
    return [
        dict(zip(COLUMNS, (line_id, "MARA", f"Да, 你好 № {n % 50}.", f" {n} ", "- a; b, 'c"), strict=True))
        for n, line_id in enumerate(ids)
    ]


@pytest.mark.parametrize("write", WRITERS)
def test_ten_thousand_lines_come_in_whole_or_are_refused_with_both_rows(
    write: Callable[[list[Row]], Submission],
) -> None:
    count = 400 if write is as_yaml else 10_000
    given = rows(count)
    project = write(given).project()
    assert [line.id for line in project.lines] == [row["id"] for row in given]
    assert [line.text for line in project.lines] == [row["text"] for row in given]

    given[count - 1] = {**given[count - 1], "id": given[9]["id"].upper()}
    problem = write(given).problem()
    assert given[9]["id"].upper().startswith(problem["value"].rstrip("…"))
    assert f"differs only by case from {given[9]['id']} in " in problem["message"]
    assert any(
        f"{noun} {9 + first} of " in problem["message"] for noun, first in {"row": 2, "line": 1, "item": 1}.items()
    )
    assert str(count + 1) in problem["place"] or str(count) in problem["place"]


@pytest.mark.parametrize("write", WRITERS)
def test_columns_that_are_not_ours_are_kept_as_they_are(write: Callable[[list[Row]], Submission]) -> None:
    given = rows(3)
    project = write(given).project()
    assert project.columns == COLUMNS[3:]
    assert [dict(line.extras) for line in project.lines] == [{key: row[key] for key in COLUMNS[3:]} for row in given]


def test_the_example_shows_every_format_and_reads_without_a_problem() -> None:
    project = read_project(str(REPOSITORY / "examples/sheets/cast.yaml"), Path, lambda path: Path(path).is_file())
    shown = {line.file for line in project.lines}
    assert len(shown) == len(FORMATS)
    assert {line.character for line in project.lines} == {"MARA", "OLD OSWIN"}
    assert not any("(" in line.text or "NEEDS UPDATE" in line.text for line in project.lines)
    assert any("0a1b2e" in note for note in project.notes)
    assert "strings-metadata.csv" in project.files


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_junk_is_a_problem_of_any_format(name: str) -> None:
    for junk in (b"", b"\0" * 100, b"\xff\xfe\xfd", bytes(range(256)) * 4, b"PK\x03\x04" + b"\0" * 400):
        assert only_sheet("sheet", junk, f", format: {name}").problems()


def test_a_file_that_cannot_be_read_is_refused_with_what_can() -> None:
    problem = only_sheet("lines.ods", "").problem()
    assert ".csv, .tsv, .xlsx" in problem["allowed"]
    assert "format: ..." in problem["hint"]
