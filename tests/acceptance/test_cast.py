"""The example cast from the first command to the files, as the README tells it."""

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipeline.audio import measure_speech
from tests.support.stack import CAST, Ended, RunningStack, running_stack, sheet, write_project

LINES = 72
DISTINCT = 60
VOICES_MADE = 7


def sheet_rows() -> list[dict[str, str]]:
    return list(csv.DictReader((CAST / "lines.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def applied(stack: RunningStack) -> Ended:
    return stack.run("apply", CAST, "--yes", "--json")


@pytest.fixture(scope="module")
def pulled(stack: RunningStack, applied: Ended, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert applied.code == 0, applied.err
    out = tmp_path_factory.mktemp("pulled")
    stack.ask("pull", "saltmarsh", "--out", out)
    return out


def test_apply_makes_every_voice_and_line_and_spends_what_the_plan_said(applied: Ended) -> None:
    assert applied.code == 0, applied.err
    run = applied.json
    assert run["state"] == "done"
    assert run["takes"]["done"] == run["takes"]["total"] == DISTINCT + VOICES_MADE
    assert run["spent_micros"] == run["estimate_micros"]
    assert run["held_micros"] == 0


@pytest.mark.usefixtures("applied")
def test_our_ledger_is_the_sandboxs_ledger_to_the_micro_dollar(stack: RunningStack) -> None:
    transfers = stack.ask("ledger")["transfers"]
    assert sum(row["amount_micros"] for row in transfers) == stack.charged()
    assert {row["source"] for row in transfers} == {"provider"}


def test_progress_is_told_line_by_line_where_there_is_no_terminal(applied: Ended) -> None:
    told = [line for line in applied.err.splitlines() if "voices" in line and "takes" in line]
    assert len(told) >= 2
    assert f"takes {DISTINCT + VOICES_MADE}/{DISTINCT + VOICES_MADE}" in told[-1]


@pytest.mark.usefixtures("applied")
def test_the_second_apply_clones_nothing_speaks_nothing_and_spends_nothing(stack: RunningStack) -> None:
    before = stack.charged()
    plan = stack.ask("plan", CAST)
    assert plan["totals"]["total_micros"] == 0
    assert plan["totals"]["lines_reused"] == LINES
    again = stack.run("apply", CAST, "--json")
    assert again.code == 0
    assert again.json["spent_micros"] == 0
    assert stack.charged() == before


def test_pull_writes_one_speaking_file_a_line_named_by_its_id(pulled: Path) -> None:
    rows = sheet_rows()
    files = {path.stem: path for path in pulled.glob("*/*.mp3")}
    assert set(files) == {row["id"] for row in rows}
    for row in rows:
        sound = measure_speech(files[row["id"]].read_bytes(), "mp3")
        assert 0.02 * len(row["text"]) < sound.seconds < 0.25 * len(row["text"]) + 2, row["id"]
        assert sound.silence_share < 0.6, row["id"]
        assert sound.true_peak_dbtp < 1.0, row["id"]


def test_the_manifest_brings_back_the_sheets_own_columns_and_every_cost(pulled: Path) -> None:
    lines = json.loads((pulled / "manifest.json").read_text())["lines"]
    own = {row["id"]: row["scene"] for row in sheet_rows()}
    assert {line["id"]: line["extras"]["scene"] for line in lines} == own
    assert all(line["cost_micros"] > 0 and len(line["sha256"]) == 64 for line in lines)


def test_lines_that_sound_alike_share_one_take(pulled: Path) -> None:
    lines = json.loads((pulled / "manifest.json").read_text())["lines"]
    by_take: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_take.setdefault(line["take"], []).append(line)
    assert len(by_take) == DISTINCT
    for shared in by_take.values():
        assert len({(line["character"], line["text"]) for line in shared}) == 1
        assert len({(pulled / line["file"]).read_bytes() for line in shared}) == 1


def test_pull_again_fetches_nothing_but_a_file_that_was_changed(stack: RunningStack, pulled: Path) -> None:
    victim = next(pulled.glob("*/*.mp3"))
    before = victim.read_bytes()
    victim.write_bytes(b"not what it was")
    again = stack.ask("pull", "saltmarsh", "--out", pulled)
    assert (again["fetched"], again["kept"]) == (1, LINES - 1)
    assert victim.read_bytes() == before


@pytest.mark.usefixtures("applied")
def test_a_pack_for_an_engine_holds_real_speech_at_the_level_that_was_asked(
    stack: RunningStack, tmp_path: Path
) -> None:
    told = stack.ask("pull", "saltmarsh", "--out", tmp_path / "VO", "--layout", "wwise")
    assert (told["fetched"], told["failed"], told["missing"]) == (LINES, [], [])
    entries = json.loads((tmp_path / "VO" / "manifest.json").read_text())["lines"]
    sources = ET.parse(tmp_path / "VO" / "ExternalSources.wsources").getroot()
    assert [source.attrib["Path"].replace("\\", "/") for source in sources] == [entry["file"] for entry in entries]
    for entry in entries:
        sound = measure_speech((tmp_path / "VO" / entry["file"]).read_bytes(), "wav")
        assert sound.true_peak_dbtp <= -1.0, entry["id"]
        assert sound.lufs == pytest.approx(entry["lufs_after"], abs=0.05), entry["id"]
        if entry["id"] not in told["off_target"]:
            assert sound.lufs == pytest.approx(entry["target_lufs"], abs=2.0), entry["id"]
        assert sound.seconds == pytest.approx(entry["seconds"], abs=0.001), entry["id"]
    assert len(told["off_target"]) < LINES / 10
    assert stack.ask("pull", "saltmarsh", "--out", tmp_path / "VO", "--layout", "wwise")["fetched"] == 0


@pytest.mark.usefixtures("applied")
def test_voices_show_what_they_are_made_of_and_that_they_have_spoken(stack: RunningStack) -> None:
    voices = stack.ask("voices")
    assert voices["unclear"] == []
    made = [voice for voice in voices["data"] if voice["kind"] != "system"]
    assert len(made) >= VOICES_MADE
    assert all(voice["state"] == "ready" and voice["activated_at"] for voice in made)
    cloned = next(voice for voice in made if voice["made_of"] == "references/mara.mp3")
    assert cloned["measured"]["after"]["lufs"] == pytest.approx(-20, abs=1)


@pytest.mark.usefixtures("applied")
def test_an_edited_line_is_the_only_one_that_is_paid_again(stack: RunningStack, tmp_path: Path) -> None:
    for name in ("cast.yaml", "lines.csv"):
        (tmp_path / name).write_bytes((CAST / name).read_bytes())
    (tmp_path / "references").symlink_to(CAST / "references")
    lines = (tmp_path / "lines.csv").read_text()
    (tmp_path / "lines.csv").write_text(
        lines.replace("You picked a bad night to cross.", "You picked a fine night to cross.")
    )
    plan = stack.ask("plan", tmp_path)
    made = [line for line in plan["lines"] if line["price"]]
    assert [(line["line_id"], line["reason"]) for line in made] == [("sm_020_mara_greet", "text")]
    assert plan["totals"]["total_micros"] == made[0]["price"]


def test_a_stopped_stack_starts_again_with_everything_it_had(tmp_path: Path) -> None:
    cast = "production: small\nlines: lines.csv\ncharacters:\n  HERALD: {voice: {system: English_Announcer}}\n"
    project = write_project(tmp_path, cast, sheet(("s_1", "HERALD", "Here I am."), ("s_2", "HERALD", "Here I stay.")))
    with running_stack(CALLSHEET_SANDBOX_ENGINE="tone") as own:
        small = own.run("apply", project, "--yes", "--json")
        assert small.code == 0, small.err
        spent, url = own.spent(), own.facts()["api_url"]
        assert own.run("down").code == 0
        assert own.run("up").code == 0
        assert own.spent() == spent == own.charged()
        assert own.facts()["api_url"] == url
        assert own.ask("plan", project)["totals"]["total_micros"] == 0
