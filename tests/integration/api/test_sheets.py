"""Sheets of every format, as they are planned, started and told of."""

import re
from pathlib import Path

import pytest

from tests.integration.api.callers import Caller, error

EXAMPLE = Path(__file__).parents[3] / "examples/sheets"


@pytest.fixture
def files() -> dict[str, bytes]:
    """The example, in the voice and the model that the provider of these tests has."""
    found = {path.name: path.read_bytes() for path in EXAMPLE.iterdir()}
    cast = re.sub(r"system: \w+", "system: narrator", found["cast.yaml"].decode())
    return {**found, "cast.yaml": f"{cast}model: stage-hd\nformat: wav\n".encode()}


def test_a_plan_reads_sheets_of_every_format(studio: Caller, files: dict[str, bytes]) -> None:
    answer = studio.plan(files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["totals"]["lines"] == 21


def test_own_columns_of_every_format_come_back_with_the_lines(studio: Caller, files: dict[str, bytes]) -> None:
    studio.started(files)
    lines = {line["id"]: line for line in studio.get("/v1/productions/lantern/lines", limit=100).json()["data"]}
    assert len(lines) == 21
    assert lines["csv_010"]["extras"] == {"room": "stairs"}
    assert lines["xlsx_010"]["extras"] == {"Room": "stairs", "Take": "3"}
    assert lines["json_010"]["extras"] == {"priority": "1", "room": ""}
    assert lines["yaml_020"]["extras"] == {"room": "lantern room"}
    assert lines["0a1b2c"]["extras"]["lock"] == "7f3c2a10"
    assert lines["keeper_010"]["extras"]["scene"] == "INT. LANTERN ROOM - NIGHT"
    assert lines["years_010"]["extras"]["scene"] == "The stairs"


def test_a_workbook_of_mistakes_is_refused_with_its_cells(studio: Caller, files: dict[str, bytes]) -> None:
    cast = files["cast.yaml"].replace(b"  OLD OSWIN:", b"  OSWIN:")
    told = error(studio.plan({**files, "cast.yaml": cast}))
    assert told["code"] == "invalid_sheet"
    assert ("lines.xlsx", "Act 2!B3") in {(problem["file"], problem["place"]) for problem in told["problems"]}
