"""Every hostile recording by name: refused in words, or accepted rightly, in bounded memory and time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.audio import ChildLimits
from tests.support.hostile.cage import Tally
from tests.support.hostile.corpus import Hostile, bombs, corpus
from tests.support.hostile.run import bait, bench, unexpected

MAX_CHILD_BYTES = 150_000_000
MAX_SECONDS = 20.0
"""What the product's child may compute; a bomb takes a second of it."""
BOMBS = {entry.name: entry for entry in bombs()}

WholeWay = Callable[..., Any]


def test_every_file_of_the_corpus_comes_to_an_end_that_is_foreseen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one bounded child after another, by the product's rules; what a refusal has to say is judged there as well."""
    tally, wrong = Tally("audio"), []
    with bench(tmp_path, "--product-rules") as taken:
        for entry in corpus():
            verdict = taken.judge(entry.make())
            tally.add(entry.name, verdict)
            wrong.append(unexpected(entry, verdict))
    with capsys.disabled():
        print(f"\n{tally.line()}")  # noqa: T201 - the figures of the run, whatever came of it
    assert [said for said in wrong if said] == []
    assert tally.count > 140
    assert tally.peak_bytes < MAX_CHILD_BYTES
    assert tally.slowest_seconds < MAX_SECONDS


@pytest.mark.parametrize("entry", BOMBS.values(), ids=BOMBS)
def test_a_bomb_costs_no_more_than_a_studio_master(tmp_path: Path, whole_way: WholeWay, entry: Hostile) -> None:
    recording = tmp_path / "recording.mp3"
    recording.write_bytes(entry.make())
    end = whole_way(recording)
    assert set(end.codes) & entry.ends
    assert end.peak_bytes < MAX_CHILD_BYTES
    assert end.seconds < MAX_SECONDS
    if end.prepared:
        assert end.prepared.after.seconds <= 301


@pytest.mark.parametrize(
    "name",
    ["mp3 and zip", "wav header and page", "cover of 20 MB", "8 channels, mask 0x63f", "m4a, no length claimed"],
)
def test_what_is_accepted_is_a_recording_of_its_true_length(tmp_path: Path, whole_way: WholeWay, name: str) -> None:
    entry = next(entry for entry in corpus() if entry.name == name)
    recording = tmp_path / "recording.exe"
    recording.write_bytes(entry.make())
    end = whole_way(recording)
    assert set(end.codes) <= entry.ends
    assert end.peak_bytes < MAX_CHILD_BYTES
    if end.prepared:
        assert 10 <= end.prepared.after.seconds <= 30
        assert end.prepared.after.lufs == pytest.approx(-20, abs=1)


def test_control_without_the_limit_on_its_own_memory_a_few_bytes_take_a_gigabyte(
    tmp_path: Path, whole_way: WholeWay
) -> None:
    recording = tmp_path / "recording.m4a"
    recording.write_bytes(BOMBS["40 m samples in a table of 12 bytes"].make())
    assert recording.stat().st_size < 100_000
    loose = replace(ChildLimits(), memory_bytes=3 << 30, data_bytes=3 << 30)
    assert whole_way(recording, limits=loose).peak_bytes > 1_000_000_000


def test_control_an_end_that_is_not_foreseen_is_noticed(tmp_path: Path) -> None:
    bait(tmp_path)
    (text,) = (entry for entry in corpus() if entry.name == "a zip")
    with bench(tmp_path) as taken:
        verdict = taken.judge(text.make())
    assert unexpected(text, verdict) == ""
    assert "unknown_format" in unexpected(replace(text, ends=frozenset({"accepted"})), verdict)
