import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.cli import submission
from pipeline.cli.client import Client
from pipeline.cli.commands.project import _some_lines, _stream_plan
from pipeline.cli.submission import LocalProject
from pipeline.errors import InvalidSheet, UsageError

CAST = "production: game\ncharacters:\n  HERALD: {voice: {system: narrator}}\nlines: lines.csv\n"
LINES = "id,character,text\na_1,HERALD,Nobody.\n"


class Bucket:
    """Answers as the API does that has none of the files, and keeps what is uploaded."""

    def __init__(self) -> None:
        self.uploaded: list[str] = []

    def post(self, _path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"files": [{**file, "present": False, "form": {}} for file in body["files"]]}

    def upload(self, _form: object, path: Path) -> None:
        self.uploaded.append(path.name)


@pytest.fixture
def local(tmp_path: Path) -> LocalProject:
    (tmp_path / "cast.yaml").write_text(CAST)
    (tmp_path / "lines.csv").write_text(LINES)
    return LocalProject.read(tmp_path)


def test_small_documents_are_part_of_the_request(local: LocalProject) -> None:
    bucket = Bucket()
    body = local.plan_body(cast("Client", bucket))
    assert base64.b64decode(body["documents"]["lines.csv"]).decode() == LINES
    assert "files" not in body
    assert not bucket.uploaded


def test_large_documents_are_uploaded_and_named_by_hash(local: LocalProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "INLINE_BYTES", len(CAST) + len(LINES) - 1)
    bucket = Bucket()
    body = local.plan_body(cast("Client", bucket))
    assert body["files"] == local.hashes
    assert "documents" not in body
    assert bucket.uploaded == ["cast.yaml", "lines.csv"]


def rows() -> Iterator[dict[str, Any]]:
    yield {"digest": "d", "totals": {}, "voices": []}
    yield from ({"line_id": f"a_{number}"} for number in range(3))
    yield {"removed": "b_1"}


def test_a_plan_is_streamed_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    _stream_plan(rows())
    told = json.loads(capsys.readouterr().out)
    assert [line["line_id"] for line in told["lines"]] == ["a_0", "a_1", "a_2"]
    assert (told["digest"], told["removed"]) == ("d", ["b_1"])


def test_a_person_is_shown_lines_and_not_what_has_left() -> None:
    assert [line["line_id"] for line in _some_lines(rows())] == ["a_0", "a_1", "a_2"]


@pytest.mark.parametrize("name", ["essay.txt", "play.fountain", "lines.csv", "Lines.XLSX"])
def test_a_sheet_that_is_given_for_a_project_is_told_apart_from_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("There’s a wait.".encode("cp1252"))
    with pytest.raises(UsageError, match="it is no project file") as raised:
        LocalProject.read(tmp_path / name)
    assert f"`lines: {name}`" in raised.value.hint


def test_a_project_file_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "cast.txt").write_text("production: x\ncharacters: {A: {voice: {system: V}}}\nlines: l.csv\n")
    (tmp_path / "l.csv").write_text("id,character,text\na,B,Hm.\n")
    with pytest.raises(InvalidSheet, match=r"l\.csv"):
        LocalProject.read(tmp_path / "cast.txt")


def test_a_misspelt_file_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "theme.ogg").write_bytes(b"x")
    (tmp_path / "essay.txt").write_text("A: Hm.")
    episode = "episode: {intro: theme.ogg, outro: music/themes.ogg, bed: rain.wav}"
    (tmp_path / "cast.yaml").write_text(
        f"production: x\ncharacters: {{A: {{voice: {{system: V}}}}}}\nlines: esay.txt\n{episode}\n"
    )
    with pytest.raises(InvalidSheet) as raised:
        LocalProject.read(tmp_path)
    hints = {problem["value"]: problem["hint"] for problem in raised.value.data["problems"]}
    assert hints["esay.txt"] == "did you mean essay.txt?"
    assert hints["theme.ogg"] == hints["music/themes.ogg"] == "did you mean music/theme.ogg?"
    assert hints["rain.wav"].startswith("put the file there")
