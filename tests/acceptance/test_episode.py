"""From a script to an episode by one command, and a changed sentence to a changed episode."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.episodes import id3_chapters, nero_chapters
from tests.support.stack import RunningStack

SCRIPT = """---
production: harbour-talk
title: Harbour Talk
budget: "$2"
characters:
  HOST: {name: Ada, voice: {system: English_Presenter}}
  GUEST: {name: Bo, voice: {system: English_Captain}}
episode:
  show: Harbours
  narrator: HOST
  link: https://example.org/harbour
  sting: bucket:bell
---

# Harbour Talk

## The tide

Good evening. Tonight we talk about the tide.

GUEST: It comes in twice a day. [pause 1s] It never asks.

## The ferry

And who runs the ferry?

GUEST: I do, when the tide lets me.
"""
CHANGED = SCRIPT.replace("It never asks.", "Nobody has to ask it.")


def write(folder: Path, script: str = SCRIPT) -> Path:
    path = folder / "harbour.md"
    path.write_text(script)
    return path


def ring(folder: Path, pitch: float) -> Path:
    """A second of a bell."""
    path, time = folder / "bell.wav", np.arange(48_000) / 48_000
    soundfile.write(path, 0.3 * np.exp(-3 * time) * np.sin(2 * np.pi * pitch * time), 48_000)
    return path


def speeches(stack: RunningStack) -> int:
    return sum(1 for charge in stack.sandbox("ledger")["charges"] if charge["operation"] == "speech")


@pytest.fixture(scope="module")
def made(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("harbour")
    stack.ask("music", "add", ring(folder, 440.0))
    told = stack.ask("episode", write(folder), "--yes", "--out", folder / "out")
    return folder, told


def test_the_files_hold_the_chapters_and_are_as_loud_as_a_podcast(made: tuple[Path, Any]) -> None:
    folder, told = made
    mp3, m4b = (folder / "out" / file["file"] for file in told["files"])
    wanted = [(one["title"], pytest.approx(one["start"], abs=0.02)) for one in told["chapters"]]
    assert [title for title, _ in wanted] == ["The tide", "The ferry"]
    assert [(title, start) for title, start, _ in id3_chapters(mp3.read_bytes())] == wanted
    assert nero_chapters(m4b.read_bytes()) == wanted
    assert all(file["lufs"] == pytest.approx(-16, abs=0.5) for file in told["files"])
    assert all(file["true_peak_dbtp"] <= -1 for file in told["files"])


def test_a_pause_of_the_script_is_heard_and_not_spoken(made: tuple[Path, Any]) -> None:
    _, told = made
    lines = told["lines"]
    assert len(lines) == 5
    assert lines[2]["start"] - lines[1]["end"] == pytest.approx(1.0, abs=0.01)


def test_an_episode_that_is_made_of_the_same_stands_as_it_is(stack: RunningStack, made: tuple[Path, Any]) -> None:
    folder, told = made
    before, paid = {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}, speeches(stack)
    again = stack.ask("episode", folder / "harbour.md", "--out", folder / "out")
    assert (again["files"], again["fetched"], speeches(stack)) == (told["files"], 0, paid)
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()} == before


def test_music_that_was_replaced_in_the_bucket_makes_another_episode(
    stack: RunningStack, made: tuple[Path, Any]
) -> None:
    folder, told = made
    assert stack.run("music", "add", ring(folder, 880.0)).code == 2
    stack.ask("music", "add", folder / "bell.wav", "--replace")
    again = stack.ask("episode", folder / "harbour.md", "--out", folder / "out")
    assert [file["sha256"] for file in again["files"]] != [file["sha256"] for file in told["files"]]
    assert again["lines"] == told["lines"]


def test_a_file_that_somebody_has_touched_is_made_anew(stack: RunningStack, made: tuple[Path, Any]) -> None:
    folder, _ = made
    captions = folder / "out" / "harbour-talk.vtt"
    written = captions.read_bytes()
    captions.write_bytes(b"WEBVTT\n")
    stack.ask("episode", folder / "harbour.md", "--out", folder / "out")
    assert captions.read_bytes() == written


def test_one_changed_sentence_is_one_call_and_the_rest_is_used_again(
    stack: RunningStack, made: tuple[Path, Any]
) -> None:
    folder, told = made
    paid = speeches(stack)
    again = stack.ask("episode", write(folder, CHANGED), "--yes", "--out", folder / "out")
    assert (speeches(stack) - paid, again["fetched"]) == (1, 1)
    kept = {line["id"] for line in told["lines"]} & {line["id"] for line in again["lines"]}
    assert len(kept) == len(told["lines"]) - 1
    assert "Nobody has to ask it." in (folder / "out" / "harbour-talk.transcript.txt").read_text()


def test_of_what_is_not_all_spoken_only_a_partial_episode_is_built_and_says_what_is_missing(
    stack: RunningStack, made: tuple[Path, Any]
) -> None:
    folder, _ = made
    longer = write(folder, f"{CHANGED}\nGUEST: Nobody has spoken this yet.[^1]\n\n[^1]: Nor this.\n")
    ended = stack.run("episode", longer, "--partial", "--out", folder / "partial", "--json")
    assert (ended.code, len(ended.json["missing"]), len(ended.json["lines"])) == (3, 1, 5)
    assert "1 line is not in it" in ended.err
    assert "not spoken: the footnote in line" in ended.err


def test_what_is_spoken_already_is_heard_under_its_new_chapter_and_with_its_old_text(
    stack: RunningStack, made: tuple[Path, Any]
) -> None:
    folder, _ = made
    paid = speeches(stack)
    renamed = write(folder, SCRIPT.replace("## The tide", "## High water"))  # and the sentence is changed back
    told = stack.ask("preview", renamed, "high water", "--out", folder / "rough")
    assert (len(told["lines"]), told["missing"], speeches(stack) - paid) == (3, [], 0)


def test_a_chapter_is_heard_roughly_before_the_rest_is_made(stack: RunningStack, made: tuple[Path, Any]) -> None:
    folder, _ = made
    told = stack.ask("preview", write(folder, CHANGED), "ferry", "--out", folder / "rough")
    assert [file["file"] for file in told["files"]] == ["harbour-talk-preview-2-the-ferry.mp3"]
    assert len(told["lines"]) == 2
    unknown = stack.run("preview", folder / "harbour.md", "storm")
    assert unknown.code == 2
    assert "1 The tide, 2 The ferry" in unknown.err
