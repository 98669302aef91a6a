"""An episode's script as a project on disk."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from pipeline.cli.client import Client
from pipeline.cli.commands.project import check, init
from pipeline.cli.submission import LocalProject
from pipeline.errors import InvalidSheet, UsageError

SCRIPT = """\
---
production: lamp
characters: {HOST: {voice: {system: English_Narrator}}}
lexicon: {Ayr: air}
episode: {narrator: HOST, intro: in.wav}
---

It is 5 km to Ayr, in [Fife](say:five).
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lamp.md").write_text(SCRIPT)
    soundfile.write(tmp_path / "in.wav", np.zeros(480, np.float32), 48_000)
    return tmp_path


class Silent:
    """An API that nothing is asked of."""

    def post(self, path: str, body: object) -> None:
        raise AssertionError((path, body))


def spoken(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    check(folder, spoken=True, as_json=True)
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["spoken"]
    return found


def test_a_folder_with_one_script_that_names_a_production_is_a_project(folder: Path) -> None:
    (folder / "README.md").write_text("# Notes\n\n---\nproduction: none\n---\n")
    assert LocalProject.read(folder).name == "lamp.md"
    (folder / "second.md").write_text(SCRIPT)
    with pytest.raises(UsageError, match=r"lamp\.md and second\.md"):
        LocalProject.read(folder)


def test_music_goes_to_the_bucket_with_the_run_and_not_with_the_plan(folder: Path) -> None:
    local = LocalProject.read(folder)
    assert list(local.hashes) == ["lamp.md", "in.wav"]
    assert list(local.plan_body(cast("Client", Silent()))["documents"]) == ["lamp.md"]


def test_music_that_is_no_sound_is_a_problem_of_the_project(folder: Path) -> None:
    (folder / "in.wav").write_bytes(b"<html>")
    with pytest.raises(InvalidSheet) as raised:
        check(folder)
    (problem,) = raised.value.data["problems"]
    assert (problem["file"], problem["place"], problem["value"]) == ("lamp.md", "episode.intro", "in.wav")


def test_what_will_be_said_otherwise_is_listed_with_who_says_so_and_whether_it_is_sent(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(row["written"], row["said"], row["by"], row["sent"]) for row in spoken(folder, capsys)] == [
        ("5 km", "five kilometers", "reading", False),
        ("Ayr", "air", "lexicon", True),
        ("Fife", "five", "script", True),
    ]


def test_normalised_text_is_sent_as_it_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lamp.md").write_text(SCRIPT.replace("lexicon", "normalise: true\nlexicon"))
    assert [row["sent"] for row in spoken(folder, capsys)] == [True, True, True]
    project = LocalProject.read(folder).project
    assert project.said(project.lines[0]) == "It is five kilometers to air, in five."


def test_a_person_is_told_what_the_provider_gets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(folder, spoken=True)
    told = " ".join(capsys.readouterr().out.split())
    assert "The provider is sent what is written" in told
    assert "English only" not in told
    (folder / "lamp.md").write_text(SCRIPT.replace("lexicon", "language: de\nlexicon"))
    check(folder, spoken=True)
    told = " ".join(capsys.readouterr().out.split())
    assert "read in English only; they stay as written in de" in told


def test_a_first_episode_can_be_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(tmp_path / "lamp", episode=True)
    check(tmp_path / "lamp")
    assert capsys.readouterr().out.startswith("ok  lamp: 5 lines, 2 characters")
    with pytest.raises(UsageError, match="no episode"):
        init(tmp_path / "own", tmp_path, episode=True)
