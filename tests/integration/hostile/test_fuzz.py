"""Thousands of damaged recordings, projects and other files that are handed in, the same ones every time.

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
from tests.support.hostile.run import REPLAY, bait, fuzz_audio, fuzz_formats, fuzz_kept, fuzz_media, fuzz_sheets

FILES, SHEETS, WHOLE_WAY = 2_000, 2_000, 100
FORMATS, KEPT, MEDIA = 400, 400, 60
MAX_CHILD_BYTES = 150_000_000
MAX_WHOLE_BYTES = 200_000_000
"""Of a reader that draws a plan up as well, and of one that writes a cover into the files of an episode."""
MAX_SECONDS = 10.0
"""Of computing, for one file."""
SHORT = ReferenceRules(min_seconds=0.5, max_seconds=30)

pytestmark = pytest.mark.computes


def hold(tally: Tally, capsys: pytest.CaptureFixture[str], most_bytes: int = MAX_CHILD_BYTES) -> None:
    with capsys.disabled():
        print(f"\n{tally.line()}")  # noqa: T201 - the figures of the run, whatever came of it
    assert not tally.failures, "\n".join(tally.failures[:5])
    assert tally.peak_bytes < most_bytes, tally.largest
    assert tally.slowest_seconds < MAX_SECONDS, tally.slowest


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


def test_whatever_kind_of_file_is_damaged_it_is_refused_or_can_be_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = fuzz_formats(tmp_path, range(FORMATS))
    hold(tally, capsys, MAX_WHOLE_BYTES)
    assert tally.verdicts["accepted"] > FORMATS / 5
    assert list(tmp_path.iterdir()) == []


def test_what_we_have_written_ourselves_is_not_believed_when_it_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = fuzz_kept(tmp_path, range(KEPT))
    hold(tally, capsys, MAX_WHOLE_BYTES)
    assert tally.verdicts["accepted"] > KEPT / 20
    assert list(tmp_path.iterdir()) == []


def test_no_damaged_music_or_cover_ends_the_making_of_an_episode_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = fuzz_media(tmp_path, range(MEDIA))
    hold(tally, capsys, MAX_WHOLE_BYTES)
    assert tally.verdicts["accepted"] > MEDIA / 10
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


def test_control_where_nobody_looks_at_characters_a_line_holds_what_nobody_can_type(tmp_path: Path) -> None:
    tally = fuzz_formats(tmp_path, range(150), "--unchecked")
    assert any("holds what nobody can type" in failure for failure in tally.failures)


def test_control_our_own_files_believed_end_in_a_traceback(tmp_path: Path) -> None:
    tally = fuzz_kept(tmp_path, range(60), "--careless")
    assert any("JSONDecodeError" in failure for failure in tally.failures)


def test_control_a_child_that_dies_is_a_crash_and_the_next_file_is_read(tmp_path: Path) -> None:
    tally = fuzz_audio(tmp_path, range(20), "--fragile")
    assert 0 < tally.verdicts["crashed"] < 20
    assert any("ended with -6" in failure for failure in tally.failures)
