"""Two languages through the API: planned, spoken, and pulled into the folders that an engine wants."""

import json
from pathlib import Path

import pytest

from pipeline.packs.rules import Layout
from tests.integration.api.callers import CAST, FILES, Caller
from tests.integration.api.test_pulling import pull
from tests.support.databases import on_sqlite
from tests.support.stage import Stage

TWO = {
    **FILES,
    "cast.yaml": CAST.replace("title: The Game", "languages: [en, de, pt-BR]").encode(),
    "lines.csv": b"id,character,text,text (de),pt-BR\nopen_1,MARA,Who goes there?,Wer da?,\n"
    b"open_2,HERALD,Nobody.,Niemand.,\n",
}


@on_sqlite
def test_a_plan_counts_by_language_and_names_what_is_missing(studio: Caller) -> None:
    told = studio.plan(TWO).json()
    assert [(line["line_id"], line["reason"]) for line in told["lines"]] == [
        (line_id, "new") for line_id in ("open_1", "open_1@de", "open_2", "open_2@de")
    ]
    assert {language: total["lines_to_speak"] for language, total in told["by_language"].items()} == {"en": 2, "de": 2}
    assert sum(total["micros"] for total in told["by_language"].values()) == told["totals"]["lines_micros"]
    assert told["missing_languages"] == {"pt-BR": {"lines": 2, "ids": ["open_1", "open_2"]}}
    few = studio.plan(TWO, limit=1).json()["missing_languages"]["pt-BR"]
    assert few == {"lines": 2, "ids": ["open_1"]}
    rows = studio.plan(TWO, path="/lines").text.splitlines()
    assert json.loads(rows[0])["missing_languages"]["pt-BR"]["ids"] == ["open_1", "open_2"]
    explained = studio.plan(TWO, path="/explain", line="open_1@de").json()
    assert (explained["reason"], explained["now"]["text"]) == ("new", "Wer da?")


@pytest.mark.parametrize(
    ("layout", "files"),
    [
        (Layout.FLAT, {"{}/MARA/open_1.wav", "{}/HERALD/open_2.wav"}),
        (Layout.YARN, {"{}/open_1.wav", "{}/open_2.wav"}),
        (Layout.WWISE, {"{}/MARA/open_1.wav", "{}/HERALD/open_2.wav"}),
        (Layout.FMOD, {"{}/open_1.wav", "{}/open_2.wav", "{}/keys.txt"}),
        (Layout.UNREAL, {"{}/open_1_0.wav", "{}/open_2_0.wav", "{}/GameDialogue.csv"}),
    ],
)
@on_sqlite
def test_each_language_is_spoken_and_pulled_into_its_folder(
    studio: Caller, stage: Stage, tmp_path: Path, layout: Layout, files: set[str]
) -> None:
    studio.started(TWO)
    assert pull(studio, tmp_path / "before", layout)["missing"] == ["open_1", "open_1@de", "open_2", "open_2@de"]
    stage.work()
    told = pull(studio, tmp_path, layout)
    assert (told["fetched"], told["missing"], told["failed"]) == (4, [], [])
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {file.format(language) for language in ("en", "de") for file in files} <= found
    entries = json.loads((tmp_path / "manifest.json").read_text())["lines"]
    assert [(entry["id"], entry["language"]) for entry in entries] == [
        *(("open_1", "en"), ("open_1", "de"), ("open_2", "en"), ("open_2", "de")),
    ]
    assert {entry["text"] for entry in entries if entry["language"] == "de"} == {"Wer da?", "Niemand."}


@on_sqlite
def test_commands_know_a_translation_by_its_key_and_pull_names_what_it_lacks(
    studio: Caller, stage: Stage, tmp_path: Path
) -> None:
    lacking = {**TWO, "lines.csv": TWO["lines.csv"].replace(b"Niemand.", b"")}
    studio.started(lacking)
    stage.work()
    assert pull(studio, tmp_path, Layout.FMOD)["missing_languages"] == {"de": ["open_2"]}
    [take] = studio.get("/v1/productions/game/takes", line="open_1@de").json()["data"]
    assert (take["line"], take["text"]) == ("open_1@de", "Wer da?")
    body = {"lines": ["open_1@de"], "count": 1}
    assert studio.post("/v1/productions/game/retakes", body).status_code == 201
    stage.work()
    assert len(studio.get("/v1/productions/game/takes", line="open_1@de").json()["data"]) == 2
    assert len(studio.get("/v1/productions/game/takes", line="open_1").json()["data"]) == 1
