import json
from pathlib import Path

import pytest

from pipeline.cli.commands.project import check

EXAMPLE = Path(__file__).parents[3] / "examples/sheets"


def test_a_check_says_what_of_the_sheets_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    check(EXAMPLE)
    out, err = capsys.readouterr()
    assert out == "ok  lantern: 21 lines, 2 characters, 0 talents\n"
    assert "strings.csv: skipped as NEEDS UPDATE: line:0a1b2e in row 4" in " ".join(err.split())

    check(EXAMPLE, as_json=True)
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [note.partition(":")[0] for note in notes] == ["strings.csv", "scene.fountain", "scene.md"]


def test_a_check_names_texts_that_look_like_no_speech(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cast = "production: game\ncharacters:\n  MARA: {voice: {system: x}}\nlines: lines.csv\n"
    (tmp_path / "cast.yaml").write_text(cast)
    (tmp_path / "lines.csv").write_text("id,character,text\na_1,MARA,(whispering) Who goes there?\n")
    check(tmp_path)
    assert "note  spoken as it stands: parentheses at either end, in a_1" in capsys.readouterr().err
