"""A cast's recordings are judged on the user's machine: all of them, each with every problem, and nothing is sent."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.audio import PreparedReference, prepare_reference
from pipeline.audio.second_voice import Passage, suspicion
from pipeline.cli import listening
from pipeline.cli.commands.project import check
from pipeline.errors import ExitCode
from tests.support.recordings import mp3_bytes, speech_like
from tests.support.stack import sheet, write_project

RECORDINGS = {
    "good": mp3_bytes(speech_like(11, 44_100, seed=5)),
    "short": mp3_bytes(speech_like(4, 44_100, seed=5)),
    "note": b"Dear Bram, the recording follows.",
}


def cast(folder: Path, *talents: str) -> Path:
    declared = "".join(
        f"  {key}:\n    reference: references/{key}.mp3\n    consent: {{synthetic: true, statement: Nobody's voice.}}\n"
        for key in talents
    )
    roles = "".join(f"  {key.upper()}: {{voice: {{talent: {key}}}}}\n" for key in talents)
    project = f"production: game\ntalents:\n{declared}characters:\n{roles}lines: lines.csv\n"
    recordings = {f"references/{key}.mp3": RECORDINGS[key] for key in talents}
    return write_project(folder, project, sheet(("a_1", talents[0].upper(), "Halt!")), recordings)


def test_every_bad_recording_is_told_with_all_its_problems_and_the_good_ones_with_their_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        check(cast(tmp_path, "good", "short", "note"), recordings=True, as_json=True)
    assert ended.value.exit_code == ExitCode.USAGE
    written = capsys.readouterr()
    good, short, note = json.loads(written.out)["recordings"]
    assert (good["ok"], good["problems"]) == (True, [])
    assert good["seconds"] == pytest.approx(11, abs=0.5)
    assert good["lufs_after"] == pytest.approx(-20, abs=0.5)
    assert [problem["code"] for problem in short["problems"]] == ["too_short"]
    assert [problem["code"] for problem in note["problems"]] == ["unknown_format"]
    assert all(problem["hint"] for one in (short, note) for problem in one["problems"])
    assert "2 of 3 recordings cannot be cloned" in written.err


def test_people_read_a_table_and_below_it_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check(cast(tmp_path, "good", "short"), recordings=True)
    told = capsys.readouterr().out
    assert "cannot be cloned" in told
    assert "record more speech of the same person" in told


def test_a_second_voice_is_told_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    warning = suspicion([Passage(10.0, 18.0)])

    def prepared(*arguments: Any, **options: Any) -> PreparedReference:
        return replace(prepare_reference(*arguments, **options), warnings=warning)

    monkeypatch.setattr(listening, "prepare_reference", prepared)
    check(cast(tmp_path, "good"), recordings=True)
    told = " ".join(capsys.readouterr().out.split())
    assert "listen first" in told
    assert "somebody else seems to speak at 0:10 to 0:18" in told
    check(tmp_path, recordings=True, as_json=True)
    [good] = json.loads(capsys.readouterr().out)["recordings"]
    assert (good["ok"], [one["code"] for one in good["warnings"]]) == (True, ["second_voice"])


def test_good_recordings_end_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(cast(tmp_path, "good"), recordings=True)
    assert "references/good.mp3" in capsys.readouterr().out


def test_without_asking_no_recording_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(cast(tmp_path, "note"), as_json=True)
    assert "recordings" not in json.loads(capsys.readouterr().out)
