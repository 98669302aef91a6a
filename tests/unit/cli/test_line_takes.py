import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pipeline.cli import line_takes
from pipeline.errors import EnvironmentFault

Json = dict[str, Any]


def shown(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=400, highlight=False).print(what)
    return out.getvalue()


def take(number: int = 1, **change: object) -> Json:
    audio = f"take {number}".encode()
    told: Json = {
        "line": "a_1",
        "number": number,
        "chosen": False,
        "locked": False,
        "state": "done",
        "error": None,
        "verdict": None,
        "note": "",
        "decided_by": None,
        "text": "Who goes there?",
        "direction": "",
        "voice": "mara",
        "cost_micros": 1_500,
        "seconds": 1.25,
        "sha256": hashlib.sha256(audio).hexdigest(),
        "spoken_at": "2026-11-23T08:00:00.000+00:00",
        "file": f"a_1.{number}.wav",
        "url": f"http://bucket/{number}",
    }
    return {**told, **change}


class Bucket:
    """Gives what the links of `take` lead to."""

    def download(self, url: str) -> bytes:
        return f"take {url.rpartition('/')[2]}".encode()


def test_a_table_marks_the_choice_the_lock_and_the_verdict() -> None:
    rejected = take(2, verdict="rejected", note="[b]Too fast[/b]", decided_by="cs ines")
    text = shown(
        line_takes.takes_table([take(chosen=True, locked=True), rejected, take(3, state="failed", error="no")])
    )
    first, second, third = text.splitlines()[2:]
    assert "chosen locked" in first
    assert "made" in first
    assert "rejected" in second
    assert "[b]Too fast[/b] (cs ines)" in second
    assert "failed" in third
    assert third.rstrip().endswith("no")


def test_every_take_that_is_spoken_is_fetched_under_a_name_of_its_own(tmp_path: Path) -> None:
    listed = [take(1), take(2), take(3, state="failed", url=None, file=None)]
    assert line_takes.fetch(Bucket(), listed, tmp_path / "x") == ["a_1.1.wav", "a_1.2.wav"]  # type: ignore[arg-type] # as much of a client as it takes
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == {
        "a_1.1.wav": b"take 1",
        "a_1.2.wav": b"take 2",
    }


@pytest.mark.parametrize("file", ["../a.wav", "/a.wav", "a/b.wav", "", "~/a.wav"])
def test_a_name_outside_the_folder_is_refused_before_anything_is_written(tmp_path: Path, file: str) -> None:
    with pytest.raises(EnvironmentFault, match="not in the folder"):
        line_takes.fetch(Bucket(), [take(1), take(2, file=file)], tmp_path / "x")  # type: ignore[arg-type] # the same
    assert not (tmp_path / "x").exists()


def test_audio_that_did_not_arrive_whole_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="did not arrive whole"):
        line_takes.fetch(Bucket(), [take(1, sha256="0" * 64)], tmp_path)  # type: ignore[arg-type] # the same
    assert list(tmp_path.iterdir()) == []


def test_a_retake_is_shown_with_its_price_and_what_forbids_it() -> None:
    lines = [{"line_id": f"a_{n}"} for n in range(7)]
    told = {"lines": lines, "takes": 14, "chars": 2_100, "voices": 0, "provider": "stage"}
    money = {"total_micros": 2_000, "voices_micros": 0, "lines_micros": 2_000, "over_budget": {"message": "Too much."}}
    text = shown(line_takes.retake_view(told | money))
    for said in ("14 takes", "a_0, a_1, a_2, a_3, a_4 and 2 more", "2,100", "$0.002000", "Too much."):
        assert said in text
