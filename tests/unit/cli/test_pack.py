import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.pack import Puller
from pipeline.errors import EnvironmentFault
from pipeline.intake.rules import EXPORT_MARK
from pipeline.intake.rules.csv_sheet import read_csv
from tests.unit.intake.rules.submissions import Submission

Json = dict[str, Any]
HOSTILE = (
    "/etc/cron.d/x",
    "../outside.wav",
    "MARA/../../outside.wav",
    "..",
    "",
    ".",
    "a\\..\\b.wav",
    "C:/x.wav",
    "a\x00b",
    "~/x",
)


class Api:
    """A production of spoken lines, each with its own bytes."""

    def __init__(self, *lines: Json) -> None:
        self.lines = list(lines)
        self.served = {line["url"]: body_of(line["id"]) for line in lines if line["url"]}
        self.downloads: list[str] = []

    def pages(self, path: str, cursor: str) -> Iterator[Json]:
        assert (path, cursor) == ("/productions/game/pack", "position")
        yield from self.lines

    def download(self, url: str) -> bytes:
        self.downloads.append(url)
        return self.served[url]


def body_of(line_id: str) -> bytes:
    return f"the sound of {line_id}".encode()


def line(line_id: str = "a_1", *, file: str | None = "MARA/a_1.wav", **change: object) -> Json:
    facts = {
        "id": line_id,
        "position": 0,
        "character": "MARA",
        "text": "Hello.",
        "direction": "",
        "extras": {},
        "take": "take_1",
        "state": "done",
        "error": None,
        "format": "wav",
        "seconds": 1.25,
        "sha256": hashlib.sha256(body_of(line_id)).hexdigest(),
        "cost_micros": 120,
        "voice": "voice_1",
        "file": file,
        "url": None if file is None else f"http://bucket/{line_id}",
    }
    return {**facts, **change}


def missing(line_id: str = "a_9") -> Json:
    return line(line_id, file=None, state="waiting", seconds=None, sha256=None, cost_micros=None)


def pull(api: Api, folder: Path) -> Json:
    return Puller(api, folder).pull("game")  # type: ignore[arg-type] # all it asks of the API


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_each_spoken_line_becomes_a_file_beside_a_manifest(tmp_path: Path) -> None:
    told = pull(Api(line(), missing()), tmp_path / "game")
    assert told == {"folder": str(tmp_path / "game"), "fetched": 1, "kept": 0, "missing": ["a_9"]}
    assert files(tmp_path / "game") == {"MARA/a_1.wav", "manifest.json", "manifest.csv"}
    assert (tmp_path / "game" / "MARA" / "a_1.wav").read_bytes() == body_of("a_1")
    listed = json.loads((tmp_path / "game" / "manifest.json").read_text())["lines"]
    assert [(row["id"], row["state"]) for row in listed] == [("a_1", "done"), ("a_9", "waiting")]
    assert not {"url", "position"} & set(listed[0])


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
    assert (tmp_path / "MARA" / "a_1.wav").read_bytes() == body_of("a_1")


def test_a_file_that_did_not_arrive_whole_is_not_written(tmp_path: Path) -> None:
    pull(Api(line()), tmp_path)
    (tmp_path / "MARA" / "a_1.wav").write_bytes(b"the old one")
    api = Api(line())
    api.served["http://bucket/a_1"] = body_of("a_1")[:-1]
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


@pytest.mark.parametrize("file", HOSTILE)
def test_a_file_outside_the_folder_is_refused_before_anything_is_written(tmp_path: Path, file: str) -> None:
    api = Api(line(), line("a_2", file=file))
    with pytest.raises(EnvironmentFault, match="not in the pack's folder"):
        pull(api, tmp_path / "game")
    assert files(tmp_path) == set()
    assert not api.downloads


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
