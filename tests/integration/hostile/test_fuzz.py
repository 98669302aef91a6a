"""Two thousand damaged recordings and two thousand damaged projects, the same ones every time.

Each is one number; a failure names the command that plays it again. The decoder's own function reads them in one
bounded child after another, which is what makes two thousand affordable; a hundred of them go the whole way, one child
each.
"""

import random
import tempfile
from pathlib import Path

import pytest

from pipeline.audio import AudioRejected, AudioToolFailed, ReferenceRules, prepare_reference
from tests.support.hostile.bait import WATCHABLE, watched
from tests.support.hostile.cage import Tally
from tests.support.hostile.mutants import mutant
from tests.support.hostile.run import REPLAY, bait, fuzz_audio, fuzz_sheets

FILES, SHEETS, WHOLE_WAY = 2_000, 2_000, 100
MAX_CHILD_BYTES = 150_000_000
MAX_SECONDS = 10.0
"""Of computing, for one file."""
SHORT = ReferenceRules(min_seconds=0.5, max_seconds=30)

pytestmark = pytest.mark.computes


def hold(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{tally.line()}")  # noqa: T201 - the figures of the run, whatever came of it
    assert not tally.failures, "\n".join(tally.failures[:5])
    assert tally.peak_bytes < MAX_CHILD_BYTES
    assert tally.slowest_seconds < MAX_SECONDS


def test_no_damaged_recording_does_more_than_be_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = fuzz_audio(tmp_path, range(FILES))
    hold(tally, capsys)
    assert tally.count == FILES
    # A fuzzer whose files are all thrown out at the door tries nothing behind it.
    assert tally.verdicts["accepted"] > FILES / 10
    assert len(tally.codes) >= 10


def test_no_damaged_project_does_more_than_be_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally = fuzz_sheets(tmp_path, range(SHEETS))
    hold(tally, capsys)
    assert tally.count == SHEETS
    assert tally.verdicts["accepted"] > SHEETS / 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not WATCHABLE, reason="openings are watched by inotify")
def test_a_sample_goes_the_whole_way_through_children_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start, its limits and its end; nothing is left behind and nothing beside the recording is opened."""
    inbox, work, temporary = tmp_path / "inbox", tmp_path / "work", tmp_path / "tmp"
    for folder in (inbox, work, temporary):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    watching = watched(*bait(inbox))
    recording = inbox / "recording.mp3"
    sample = random.Random(7).sample(range(FILES), WHOLE_WAY)
    with watching as watch:
        for number in sample:
            made, data = mutant(number)
            recording.write_bytes(data)
            try:
                prepare_reference(recording, work, SHORT).path.unlink()
            except AudioRejected:
                pass
            except AudioToolFailed as error:
                pytest.fail(f"{REPLAY} audio:{number} ({made}): {error.message}")
            assert list(work.iterdir()) == list(temporary.iterdir()) == []
            assert watch.opened() == set()


@pytest.mark.skipif(not WATCHABLE, reason="openings are watched by inotify")
def test_control_a_decoder_that_trusts_its_files_opens_what_they_name(tmp_path: Path) -> None:
    tally = fuzz_audio(tmp_path, range(300), "--unprotected")
    assert any("opened bait.wav" in failure for failure in tally.failures)
    assert all(REPLAY in failure for failure in tally.failures)


def test_control_a_reader_that_trusts_its_sheets_dies_of_them(tmp_path: Path) -> None:
    tally = fuzz_sheets(tmp_path, range(100), "--careless")
    assert any("UnicodeDecodeError" in failure for failure in tally.failures)
    assert any("KeyError" in failure for failure in tally.failures)


def test_control_a_child_that_dies_is_a_crash_and_the_next_file_is_read(tmp_path: Path) -> None:
    tally = fuzz_audio(tmp_path, range(20), "--fragile")
    assert 0 < tally.verdicts["crashed"] < 20
    assert any("ended with -6" in failure for failure in tally.failures)
