"""Packs for engines, from recordings like speech to the files, lists and manifest on disk."""

import csv
import hashlib
import io
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pipeline.audio import measure_speech
from pipeline.cli.pack import converting, keeping, pulling, worklist
from pipeline.cli.pack.keeping import JOURNAL
from pipeline.errors import EnvironmentFault, UsageError
from pipeline.packs.rules import Asked, Layout, PackFormat
from tests.unit.cli.pack.productions import Api, Json, files, line, missing, pull, spoken, stamps

FMOD = Asked(Layout.FMOD)
LISTS = {"manifest.json", "manifest.csv"}


def manifest(folder: Path) -> dict[str, Json]:
    entries = json.loads((folder / "manifest.json").read_text())["lines"]
    return {entry["id"]: entry for entry in entries}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (Layout.FLAT, {"MARA/a_1.wav", "MARA/a.2.wav"}),
        (Layout.YARN, {"en/a_1.wav", "en/a.2.wav"}),
        (Layout.WWISE, {"en/MARA/a_1.wav", "en/MARA/a.2.wav", "ExternalSources.wsources"}),
        (Layout.FMOD, {"en/a_1.wav", "en/a.2.wav", "en/keys.txt"}),
        (Layout.UNREAL, {"en/a_1_0.wav", "en/a_2_0.wav", "en/GameDialogue.csv"}),
    ],
)
def test_each_layout_has_its_folders_names_and_lists(tmp_path: Path, layout: Layout, expected: set[str]) -> None:
    told = pull(Api(spoken(), spoken("a.2")), tmp_path / "game", Asked(layout))
    assert (told["fetched"], told["kept"], told["off_target"]) == (2, 0, [])
    assert files(tmp_path / "game") == expected | LISTS


def test_every_file_a_list_names_is_there(tmp_path: Path) -> None:
    lines = [spoken(), spoken("a_2", character="O'Mara Quill"), missing()]
    pull(Api(*lines), tmp_path / "game", Asked(Layout.WWISE))
    sources = ET.parse(tmp_path / "game" / "ExternalSources.wsources").getroot()
    named = {source.attrib["Path"].replace("\\", "/") for source in sources}
    assert sources.attrib["Root"] == "game"
    assert named == {name for name in files(tmp_path / "game") if name.endswith(".wav")}

    pull(Api(*lines), tmp_path / "fmod", FMOD)
    keys = dict(csv.reader((tmp_path / "fmod/en/keys.txt").read_text().splitlines(), skipinitialspace=True))
    assert {key: (tmp_path / "fmod/en" / name).is_file() for key, name in keys.items()} == {"a_1": True, "a_2": True}


def test_each_class_is_as_loud_as_asked_on_the_written_file(tmp_path: Path) -> None:
    lines = [
        spoken("normal", dbfs=-40),
        spoken("whisper", dbfs=-20, direction="whispers"),
        spoken("shout", dbfs=-45, extras={"delivery_class": "shout"}),
    ]
    pull(Api(*lines), tmp_path, FMOD)
    heard = {name: measure_speech((tmp_path / f"en/{name}.wav").read_bytes(), "wav") for name in manifest(tmp_path)}
    assert heard["normal"].lufs == pytest.approx(-23.0, abs=0.5)
    assert heard["whisper"].lufs == pytest.approx(-29.0, abs=0.5)
    assert heard["shout"].lufs == pytest.approx(-20.0, abs=0.5)
    for name, entry in manifest(tmp_path).items():
        assert entry["delivery_class"] == name
        assert entry["lufs_after"] == pytest.approx(heard[name].lufs, abs=0.05)
        assert entry["true_peak_dbtp"] == pytest.approx(heard[name].true_peak_dbtp, abs=0.05)
        assert entry["seconds"] == pytest.approx(heard[name].seconds, abs=0.001)
        assert entry["lufs_before"] != entry["lufs_after"]


def test_the_manifest_says_of_each_file_what_it_is_made_of_and_what_it_cost(tmp_path: Path) -> None:
    pull(Api(spoken(extras={"scene": "quay"}), missing()), tmp_path, FMOD)
    entry, absent = manifest(tmp_path)["a_1"], manifest(tmp_path)["a_9"]
    content = (tmp_path / entry["file"]).read_bytes()
    assert entry["sha256"] == hashlib.sha256(content).hexdigest() != entry["source_sha256"]
    assert (entry["take"], entry["voice"], entry["cost_micros"], entry["production"], entry["language"]) == (
        *("take_1", "voice_1", 120, "game", "en"),
    )
    assert entry["settings"] == "wav 48000 Hz 1 ch 16 bit, -23 LUFS, at most -1 dBTP"
    assert (absent["file"], absent["state"]) == (None, "waiting")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "manifest.csv").read_text())))
    assert [(row["id"], row["file"], row["scene"]) for row in rows] == [("a_1", "en/a_1.wav", "quay"), ("a_9", "", "")]


def test_a_second_pull_fetches_nothing_and_writes_nothing(tmp_path: Path) -> None:
    lines = [spoken(), spoken("a_2"), missing()]
    pull(Api(*lines), tmp_path, Asked(Layout.UNREAL))
    before, again = stamps(tmp_path), Api(*lines)
    assert pull(again, tmp_path, Asked(Layout.UNREAL))["kept"] == 2
    assert stamps(tmp_path) == before
    assert not again.downloads


def test_without_what_the_manifest_remembers_a_second_pull_writes_all_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(Api(spoken(), spoken("a_2")), tmp_path, FMOD)
    monkeypatch.setattr(pulling, "manifest_entries", lambda _folder: iter(()))
    assert pull(Api(spoken(), spoken("a_2")), tmp_path, FMOD)["fetched"] == 2


def test_one_changed_line_rewrites_one_sound(tmp_path: Path) -> None:
    pull(Api(spoken(), spoken("a_2")), tmp_path, FMOD)
    before, api = stamps(tmp_path), Api(spoken(), spoken("a_2", dbfs=-20.0, text="Changed."))
    told = pull(api, tmp_path, FMOD)
    assert (told["fetched"], told["kept"], len(api.downloads)) == (1, 1, 1)
    assert {name for name, stamp in stamps(tmp_path).items() if before[name] != stamp} == {"en/a_2.wav", *LISTS}


@pytest.mark.parametrize("asked", [Asked(Layout.FMOD, loudness="-20"), Asked(Layout.FMOD, bits=24)])
def test_other_settings_write_the_file_anew(tmp_path: Path, asked: Asked) -> None:
    pull(Api(spoken()), tmp_path, FMOD)
    assert pull(Api(spoken()), tmp_path, asked)["fetched"] == 1


def test_a_direction_that_makes_it_a_whisper_writes_the_file_anew(tmp_path: Path) -> None:
    pull(Api(spoken()), tmp_path, FMOD)
    assert pull(Api(spoken(direction="whispered")), tmp_path, FMOD)["fetched"] == 1
    assert pull(Api(spoken(direction="whispering")), tmp_path, FMOD)["fetched"] == 0


def test_a_file_that_somebody_has_edited_is_written_anew(tmp_path: Path) -> None:
    pull(Api(spoken()), tmp_path, FMOD)
    whole = (tmp_path / "en/a_1.wav").read_bytes()
    (tmp_path / "en/a_1.wav").write_bytes(whole[:-2])
    assert pull(Api(spoken()), tmp_path, FMOD)["fetched"] == 1
    assert (tmp_path / "en/a_1.wav").read_bytes() == whole


def test_two_lines_of_one_file_are_refused_by_name_before_anything_is_written(tmp_path: Path) -> None:
    api = Api(spoken("a.b"), spoken("A_B"), spoken("c"))
    with pytest.raises(UsageError, match="nothing was written") as refused:
        pull(api, tmp_path / "game", Asked(Layout.UNREAL))
    (problem,) = refused.value.data["problems"]
    assert "A_B" in problem["place"]
    assert "a.b" in problem["message"]
    assert files(tmp_path) == set()
    assert not api.downloads


def test_without_comparing_by_case_two_lines_would_share_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [spoken("a_b"), spoken("A_B")]
    with pytest.raises(UsageError):
        pull(Api(*lines), tmp_path, FMOD)
    monkeypatch.setattr(worklist, "collision_key", lambda path: path)
    pull(Api(*lines), tmp_path, FMOD)
    sounds = [name for name in files(tmp_path) if name.endswith(".wav")]
    assert len({name.lower() for name in sounds}) == 1


def test_a_class_there_is_none_of_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    api = Api(spoken(), spoken("a_2", extras={"delivery_class": "bark"}))
    with pytest.raises(UsageError) as refused:
        pull(api, tmp_path / "game", FMOD)
    assert "a_2" in refused.value.data["problems"][0]["place"]
    assert files(tmp_path) == set()
    assert pull(api, tmp_path / "game")["fetched"] == 2, "where no level is set the column is just a column"


def test_what_no_line_has_any_more_is_listed_and_deleted_only_when_asked(tmp_path: Path) -> None:
    pull(Api(spoken(), spoken("b_1", character="OLD")), tmp_path, Asked(Layout.WWISE))
    for _ in range(2):
        assert pull(Api(spoken()), tmp_path, Asked(Layout.WWISE))["unwanted"] == ["en/OLD/b_1.wav"]
    assert "en/OLD/b_1.wav" in files(tmp_path)
    (tmp_path / "en/OLD/mine.txt").write_text("not of the pack")
    assert pull(Api(spoken()), tmp_path, Asked(Layout.WWISE), prune=True)["pruned"] == ["en/OLD/b_1.wav"]
    assert "en/OLD/b_1.wav" not in files(tmp_path)
    assert "en/OLD/mine.txt" in files(tmp_path)
    assert pull(Api(spoken()), tmp_path, Asked(Layout.WWISE))["unwanted"] == []


def test_a_file_that_somebody_has_changed_is_not_deleted(tmp_path: Path) -> None:
    pull(Api(spoken(), spoken("b_1")), tmp_path, FMOD)
    (tmp_path / "en/b_1.wav").write_bytes(b"edited by hand")
    told = pull(Api(spoken()), tmp_path, FMOD, prune=True)
    assert (told["unwanted"], told["pruned"]) == (["en/b_1.wav"], [])
    assert (tmp_path / "en/b_1.wav").read_bytes() == b"edited by hand"


def test_another_layout_leaves_nothing_of_the_old_one_behind_when_asked(tmp_path: Path) -> None:
    pull(Api(spoken()), tmp_path, FMOD)
    told = pull(Api(spoken()), tmp_path, Asked(Layout.WWISE), prune=True)
    assert set(told["pruned"]) == {"en/a_1.wav", "en/keys.txt"}
    assert files(tmp_path) == {"en/MARA/a_1.wav", "ExternalSources.wsources", *LISTS}


def test_the_file_of_an_older_text_is_told_and_never_deleted(tmp_path: Path) -> None:
    pull(Api(spoken()), tmp_path, FMOD)
    told = pull(Api(missing("a_1")), tmp_path, FMOD, prune=True)
    assert (told["outdated"], told["pruned"], told["missing"]) == (["en/a_1.wav"], [], ["a_1"])
    assert manifest(tmp_path)["a_1"]["file"] is None
    assert (tmp_path / "en/keys.txt").read_text() == ""


def test_languages_have_folders_and_what_one_of_them_lacks_is_listed(tmp_path: Path) -> None:
    lines = [spoken(), spoken(language="de"), spoken("a_2"), missing("a_2", language="de")]
    told = pull(Api(*lines), tmp_path, FMOD)
    assert {name for name in files(tmp_path) if "/" in name} == {
        *("en/a_1.wav", "en/a_2.wav", "en/keys.txt", "de/a_1.wav", "de/keys.txt"),
    }
    assert (tmp_path / "de/keys.txt").read_text() == "a_1, a_1.wav\n"
    assert told["missing_languages"] == {"de": ["a_2"]}
    assert told["missing"] == ["a_2@de"], "as commands know it"
    assert json.loads((tmp_path / "manifest.json").read_text())["missing_languages"] == {"de": ["a_2"]}


def test_a_take_that_cannot_be_converted_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    told = pull(Api(line("bad"), spoken()), tmp_path, FMOD)
    assert (told["fetched"], [one["id"] for one in told["failed"]]) == (1, ["bad"])
    assert manifest(tmp_path)["bad"]["file"] is None
    assert not (tmp_path / "en/bad.wav").exists()


def test_a_take_that_is_silent_or_all_peaks_is_told_as_off_target(tmp_path: Path) -> None:
    told = pull(Api(spoken(), spoken("faint", dbfs=-80)), tmp_path, FMOD)
    assert told["off_target"] == ["faint"]


class Interrupted(Api):
    """An API whose second take never comes: the person has pressed Ctrl-C."""

    def download(self, url: str) -> bytes:
        if self.downloads:
            raise KeyboardInterrupt
        return super().download(url)


def test_an_interrupted_pull_leaves_whole_files_and_does_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_AT_ONCE", 1)
    lines = [spoken(), spoken("a_2")]
    with pytest.raises(KeyboardInterrupt):
        pull(Interrupted(*lines), tmp_path, FMOD)
    assert files(tmp_path) == {"en/a_1.wav", JOURNAL}
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('\n{"file": "en/a_2.wav", "sha2')
    again = Api(*lines)
    assert (pull(again, tmp_path, FMOD)["fetched"], len(again.downloads)) == (1, 1)
    assert files(tmp_path) == {"en/a_1.wav", "en/a_2.wav", "en/keys.txt", *LISTS}


def test_without_the_journal_an_interrupted_pull_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "_AT_ONCE", 1)
    monkeypatch.setattr(keeping.Journal, "add", lambda *_: None)
    lines = [spoken(), spoken("a_2")]
    with pytest.raises(KeyboardInterrupt):
        pull(Interrupted(*lines), tmp_path, FMOD)
    assert pull(Api(*lines), tmp_path, FMOD)["fetched"] == 2


def test_a_disk_that_is_full_is_a_sentence_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    pull(Api(spoken()), tmp_path, FMOD)
    before = stamps(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(EnvironmentFault, match="No space left"):
            pull(Api(spoken(), spoken("a_2")), tmp_path, FMOD)
    assert stamps(tmp_path) == before
    assert pull(Api(spoken(), spoken("a_2")), tmp_path, FMOD)["fetched"] == 1


def test_a_folder_is_pulled_into_by_one_at_a_time(tmp_path: Path) -> None:
    with keeping.Journal(tmp_path), pytest.raises(EnvironmentFault, match="Another pull"):
        pull(Api(spoken()), tmp_path, FMOD)
    assert pull(Api(spoken()), tmp_path, FMOD)["fetched"] == 1


class Moving(Api):
    """An API whose second line is spoken anew after it was listed."""

    def pages(self, path: str, cursor: str) -> Iterator[Json]:
        yield from super().pages(path, cursor)
        self.lines[1] = spoken("a_2", dbfs=-12.0)


def test_a_line_that_is_spoken_anew_meanwhile_asks_for_another_pull(tmp_path: Path) -> None:
    api = Moving(spoken(), spoken("a_2"))
    with pytest.raises(EnvironmentFault, match="spoken anew"):
        pull(api, tmp_path, FMOD)
    again = pull(api, tmp_path, FMOD)
    assert (again["fetched"], again["kept"]) == (1, 1)


def test_many_lines_are_converted_by_processes_that_end_with_the_pull(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "_WORTH_IT", 2)
    monkeypatch.setattr(converting, "cores", lambda: 2)
    told = pull(Api(spoken(), spoken("a_2"), line("bad")), tmp_path, FMOD)
    assert (told["fetched"], [one["id"] for one in told["failed"]]) == (2, ["bad"])
    assert not multiprocessing.active_children()
    alone = tmp_path / "alone"
    monkeypatch.setattr(converting, "_WORTH_IT", 100)
    pull(Api(spoken(), spoken("a_2")), alone, FMOD)
    for name in ("en/a_1.wav", "en/a_2.wav"):
        assert (alone / name).read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("form", [PackFormat.OGG, PackFormat.MP3, PackFormat.FLAC])
def test_the_manifest_of_a_pack_without_an_engine_can_have_any_format(tmp_path: Path, form: PackFormat) -> None:
    pull(Api(spoken()), tmp_path, Asked(format=form))
    entry = manifest(tmp_path)["a_1"]
    assert entry["file"] == f"MARA/a_1.{form}"
    assert entry["lufs_after"] == pytest.approx(entry["lufs_before"], abs=0.5), "levels are kept unless asked"


def test_pauses_are_metadata_unless_they_are_asked_for_and_then_silence_behind_the_line(tmp_path: Path) -> None:
    api = Api(spoken(extras={"pause_after": "1.5"}), spoken("a_2", extras={"pause_after": ""}))
    pull(api, tmp_path, FMOD)
    assert {entry["seconds"] for entry in manifest(tmp_path).values()} == {1.0}
    assert manifest(tmp_path)["a_1"]["extras"] == {"pause_after": "1.5"}
    told = pull(api, tmp_path, replace(FMOD, pauses=True))
    assert (told["fetched"], told["kept"]) == (1, 1), "a line without a pause stays as it is"
    assert manifest(tmp_path)["a_1"]["seconds"] == 2.5
    assert manifest(tmp_path)["a_1"]["settings"].endswith(", 1.5 s of silence behind it")
    api.lines[0]["extras"] = {"pause_after": "2"}
    assert pull(api, tmp_path, replace(FMOD, pauses=True))["fetched"] == 1


def test_a_pause_that_is_no_time_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        pull(Api(spoken(extras={"pause_after": "long"})), tmp_path / "game", replace(FMOD, pauses=True))
    assert refused.value.data["problems"][0]["allowed"] == "a number from 0 to 60 (s)"
    assert not (tmp_path / "game").exists()


def test_pauses_cannot_be_written_into_takes_that_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--pauses would change the sound"):
        pull(Api(spoken()), tmp_path, Asked(pauses=True))
