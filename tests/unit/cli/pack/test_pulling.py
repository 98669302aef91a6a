import csv
import io
import json
from pathlib import Path

import pytest

from pipeline.errors import EnvironmentFault, UsageError
from pipeline.intake.rules import EXPORT_MARK
from pipeline.intake.rules.csv_sheet import read_csv
from pipeline.packs.rules import Asked
from tests.unit.cli.pack.productions import Api, files, line, missing, pull
from tests.unit.intake.rules.submissions import Submission

HOSTILE = (
    "/etc/cron.d/x",
    "../outside.wav",
    "..",
    "",
    ".",
    "a\\..\\b.wav",
    "con",
    "C:/x.wav",
    "a\x00b",
    "~/x",
)


def test_each_spoken_line_becomes_a_file_beside_a_manifest(tmp_path: Path) -> None:
    told = pull(Api(line(), missing()), tmp_path / "game")
    assert (told["folder"], told["fetched"], told["kept"]) == (str(tmp_path / "game"), 1, 0)
    assert (told["missing"], told["failed"], told["unwanted"]) == (["a_9"], [], [])
    assert files(tmp_path / "game") == {"MARA/a_1.wav", "manifest.json", "manifest.csv"}
    assert (tmp_path / "game" / "MARA" / "a_1.wav").read_bytes() == b"the sound of a_1"
    listed = json.loads((tmp_path / "game" / "manifest.json").read_text())["lines"]
    assert [(row["id"], row["state"]) for row in listed] == [("a_1", "done"), ("a_9", "waiting")]
    assert not {"url", "position"} & set(listed[0])


def test_what_was_rejected_or_found_bad_is_delivered_and_named(tmp_path: Path) -> None:
    heard = {"heard": "bad", "heard_why": "cut off"}
    rejected, doubted = line("a_1", verdict="rejected", **heard), line("a_2", verdict=None, **heard)
    approved, good = line("a_3", verdict="approved", **heard), line("a_4", verdict=None, heard="good")
    told = pull(Api(rejected, doubted, approved, good), tmp_path)
    assert (told["fetched"], told["rejected"], told["doubted"]) == (4, ["a_1"], ["a_2"])
    again = pull(Api({**rejected, "verdict": None, "heard": "good"}, doubted, approved, good), tmp_path)
    assert (again["fetched"], again["rejected"], again["doubted"]) == (0, [], ["a_2"])
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8-sig") as table:
        assert [row["verdict"] for row in csv.DictReader(table)] == ["", "", "approved", ""]


def test_what_is_there_unchanged_is_neither_fetched_nor_touched(tmp_path: Path) -> None:
    pull(Api(line()), tmp_path)
    before = (tmp_path / "MARA" / "a_1.wav").stat()
    api = Api(line())
    assert pull(api, tmp_path)["kept"] == 1
    after = (tmp_path / "MARA" / "a_1.wav").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not api.downloads


def test_what_has_changed_is_fetched_anew(tmp_path: Path) -> None:
    pull(Api(line()), tmp_path)
    (tmp_path / "MARA" / "a_1.wav").write_bytes(b"edited")
    assert pull(Api(line()), tmp_path)["fetched"] == 1
    assert (tmp_path / "MARA" / "a_1.wav").read_bytes() == b"the sound of a_1"


def test_a_file_that_did_not_arrive_whole_is_not_written(tmp_path: Path) -> None:
    pull(Api(line()), tmp_path)
    (tmp_path / "MARA" / "a_1.wav").write_bytes(b"the old one")
    api = Api({**line(), "_take": b"the sound of a_"})
    with pytest.raises(EnvironmentFault, match="did not arrive whole"):
        pull(api, tmp_path)
    assert (tmp_path / "MARA" / "a_1.wav").read_bytes() == b"the old one"
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_a_disk_that_refuses_is_a_sentence_and_leaves_no_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        pull(Api(line()), tmp_path)
    assert files(tmp_path) == set()


def test_a_folder_in_the_place_of_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "MARA" / "a_1.wav").mkdir(parents=True)
    with pytest.raises(EnvironmentFault, match=r"a_1\.wav"):
        pull(Api(line()), tmp_path)


@pytest.mark.parametrize("field", ["id", "character", "language"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(
    tmp_path: Path, field: str, name: str
) -> None:
    api = Api(line(), line("a_2", **{field: name}))
    with pytest.raises(UsageError, match="nothing was written"):
        pull(api, tmp_path / "game", Asked(name="{lang}/{character}/{line_id}.{ext}"))
    assert files(tmp_path) == set()
    assert not api.downloads


@pytest.mark.parametrize("extension", ["", "wav/../../../x", "w\x00v", ".."])
def test_an_extension_that_is_none_is_refused_before_anything_is_written(tmp_path: Path, extension: str) -> None:
    api = Api(line(), line("a_2", file=f"MARA/a_2.{extension}"))
    with pytest.raises(UsageError, match="nothing was written"):
        pull(api, tmp_path / "game")
    assert files(tmp_path) == set()


def test_the_manifest_opens_no_formula_and_reads_back_as_the_sheet(tmp_path: Path) -> None:
    texts = ["=1+1", "-What?", "+1", "@home", "'-quoted", "''=twice", "\ttab", 'a "quote"', "two\nlines", "plain; semi"]
    extras = {"=HYPERLINK(1)": "=cmd()", "scene": "-3", "file": "their.wav", "sheet_file": "x", EXPORT_MARK: "?"}
    lines = [
        line(f"a_{n}", file=f"MARA/a_{n}.wav", text=text, direction=text, extras=extras) for n, text in enumerate(texts)
    ]
    pull(Api(*lines), tmp_path)
    data = (tmp_path / "manifest.csv").read_bytes()
    rows = list(csv.reader(data.decode().splitlines(keepends=True)))
    assert not [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r")]
    assert len(set(rows[0])) == len(rows[0])

    sheet = read_csv(io.BytesIO(data), language="en", encoding=None)
    assert sheet.header
    records = [dict(zip(sheet.header.cells, record.cells, strict=True)) for record in sheet.records]  # type: ignore[union-attr] # none is broken
    assert [record["text"] for record in records] == texts
    assert {name: records[0][name] for name in ("=HYPERLINK(1)", "scene", "sheet_file2")} == {
        "=HYPERLINK(1)": "=cmd()",
        "scene": "-3",
        "sheet_file2": "their.wav",
    }


def test_the_manifest_can_be_submitted_as_a_sheet(tmp_path: Path) -> None:
    pull(Api(line(text="-Well?", extras={"file": "their.wav", "scene": "3"}), missing()), tmp_path)
    project = Submission(lines__csv=(tmp_path / "manifest.csv").read_bytes()).project()
    assert [(row.id, row.text) for row in project.lines] == [("a_1", "-Well?"), ("a_9", "Hello.")]
