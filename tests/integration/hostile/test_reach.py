"""Which files the decoding child opens, by the kernel's account of its system calls and by watching what lies near.

The list of formats keeps the decoder from trying; Landlock keeps it from succeeding. Each is taken out for a control.
"""

import ctypes
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.audio import AudioRejected, Container, bounded, prepare
from pipeline.audio.decode import open_audio
from tests.support.hostile.bait import WATCHABLE, watched
from tests.support.hostile.boxes import elsewhere, id3
from tests.support.hostile.mutants import BAIT_M4A, BAIT_SOUND, BAIT_TEXT, playlists
from tests.support.hostile.run import bait
from tests.support.recordings import m4a_bytes, mp3_bytes, speech_like, wav_bytes, wav_header

pytestmark = pytest.mark.skipif(not WATCHABLE, reason="openings are watched by inotify")
STRACE = shutil.which("strace")
_VERSION = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) if WATCHABLE else -1
needs_landlock = pytest.mark.skipif(_VERSION < 1, reason="this kernel has no Landlock")
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed")

WholeWay = Callable[..., Any]
_CALL = re.compile(r'\b(?:open|openat|openat2|creat|execve|connect)\([^"\n]*"(?P<path>[^"]*)"')
_SOUND = speech_like(12, 16_000)
_PLAYLIST = playlists(BAIT_SOUND)

NAMING = {name: text for name, text in _PLAYLIST.items() if not name.startswith("sdp")} | {
    "hls behind an mp3 tag": id3() + _PLAYLIST[f"hls {BAIT_SOUND}"] * 40,
    "hls in a wav": wav_header(1 << 16, 16_000, 16, 1) + _PLAYLIST[f"hls {BAIT_SOUND}"],
    "sound elsewhere": elsewhere(m4a_bytes(_SOUND, 16_000, 48_000), BAIT_M4A),
    "a text beside": _PLAYLIST[f"ffconcat {BAIT_SOUND}"].replace(BAIT_SOUND.encode(), BAIT_TEXT.encode()),
}
"""Files that name another one."""


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """Run children under strace; what is returned gives the paths they have asked the kernel for, once confined."""
    log, program = tmp_path / "calls", tmp_path / "traced-python"
    calls = "trace=%file,connect,444,446"
    program.write_text(f'#!/bin/sh\nexec {STRACE} -f -qq -s 4096 -e {calls} -o {log} {sys.executable} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(bounded.sys, "executable", str(program))

    def asked() -> set[str]:
        text = log.read_text()
        assert "python" in text
        return {match["path"] for match in _CALL.finditer(text)}

    return asked


def foreign(paths: set[str], recording: Path, work: Path) -> set[str]:
    """Those of the paths that belong neither to the interpreter and the system's libraries nor to the job."""
    own = (
        *(str(recording), str(work), "/proc/self/", "/proc/sys/vm/overcommit", "/proc/meminfo", "/proc/stat"),
        *(
            "/lib",
            "/usr/lib",
            "/usr/local/lib",
            "/usr/share/locale",
            "/etc/ld.so",
            "/etc/localtime",
            "/sys/devices/system",
        ),
        *("/dev/null", "/dev/urandom", sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])),
        *(sysconfig.get_path("stdlib"), str(bounded._PACKAGE_ROOT / "pipeline"), str(bounded._PACKAGE_ROOT / "tests")),
        str(
            bounded._PACKAGE_ROOT / "python"
        ),  # the archive of the standard library that Python looks for and nobody has
    )
    paths = paths - {str(bounded._PACKAGE_ROOT)}  # whose listing tells where modules are
    return {path for path in paths if path.startswith("/") and not path.startswith(own)} | {
        path for path in paths if BAIT_SOUND in path or BAIT_M4A in path or BAIT_TEXT in path
    }


@pytest.mark.parametrize("text", NAMING.values(), ids=NAMING)
def test_what_a_file_names_is_not_opened_even_where_the_first_bytes_were_believed(inbox: Path, text: bytes) -> None:
    recording = inbox / "recording.mp3"
    recording.write_bytes(text)
    with watched(*bait(inbox)) as watch:
        for kind in Container:
            try:
                with open_audio(recording, kind) as audio:
                    list(audio.blocks(30))
            except AudioRejected:
                continue
        assert watch.opened() == set()


@pytest.mark.parametrize("form", ["ffconcat", "hls"])
def test_control_without_the_list_of_formats_the_sibling_is_read(
    inbox: Path, whole_way: WholeWay, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """And its sound comes out as if it were the recording's. Only older libraries take an HLS list of another name."""
    monkeypatch.setattr(prepare, "sniff", lambda _head: Container.MP3)
    recording = inbox / ("recording.m3u8" if form == "hls" else "recording.mp3")
    recording.write_bytes(_PLAYLIST[f"{form} {BAIT_SOUND}"])
    with watched(*bait(inbox)) as watch:
        end = whole_way(recording, "--unprotected", "--free")
        assert watch.opened() == {BAIT_SOUND}
    assert end.prepared.source.seconds == pytest.approx(13)


@needs_landlock
@pytest.mark.parametrize("form", ["ffconcat", "hls"])
def test_where_the_list_of_formats_is_taken_out_the_kernel_still_keeps_the_sibling(
    inbox: Path, whole_way: WholeWay, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(prepare, "sniff", lambda _head: Container.MP3)
    recording = inbox / ("recording.m3u8" if form == "hls" else "recording.mp3")
    recording.write_bytes(_PLAYLIST[f"{form} {BAIT_SOUND}"])
    with watched(*bait(inbox)) as watch:
        end = whole_way(recording, "--unprotected")
        assert watch.opened() == set()
    assert end.codes == ("undecodable",)


@needs_strace
@pytest.mark.parametrize(
    "make",
    [
        lambda: mp3_bytes(_SOUND, 16_000, 48_000),
        lambda: m4a_bytes(_SOUND, 16_000, 48_000),
        lambda: wav_bytes(_SOUND, 16_000),
        *(lambda text=text: text for text in (NAMING["hls behind an mp3 tag"], NAMING["sound elsewhere"])),
        lambda: _PLAYLIST[f"ffconcat {BAIT_SOUND}"],
    ],
    ids=["mp3", "m4a", "wav", "hls behind an mp3 tag", "sound elsewhere", "ffconcat"],
)
def test_the_child_asks_the_kernel_for_nothing_but_its_job(
    *,
    inbox: Path,
    whole_way: WholeWay,
    traced: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], bytes],
) -> None:
    monkeypatch.setattr(prepare, "sniff", believed)
    recording = inbox / "recording.mp3"
    recording.write_bytes(make())
    bait(inbox)
    whole_way(recording)
    assert str(recording) in (asked := traced())
    assert foreign(asked, recording, inbox.parent / "work") == set()


@needs_strace
def test_control_the_account_of_system_calls_shows_a_decoder_that_tries(
    inbox: Path, whole_way: WholeWay, traced: Callable[[], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "sniff", lambda _head: Container.MP3)
    recording = inbox / "recording.mp3"
    recording.write_bytes(_PLAYLIST[f"ffconcat {BAIT_SOUND}"])
    bait(inbox)
    whole_way(recording, "--unprotected")
    assert any(BAIT_SOUND in path for path in foreign(traced(), recording, inbox.parent / "work"))


def believed(head: bytes) -> Container:
    """Believe every file that is no WAV or M4A to be an MP3."""
    return Container.WAV if head[:4] == b"RIFF" else Container.M4A if head[4:8] == b"ftyp" else Container.MP3
