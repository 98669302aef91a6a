"""The kernel's word that a decoder reaches nothing but its recording and its folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.audio.confine import confine

_TRY = """
import socket, sys
from pathlib import Path
from pipeline.audio.confine import confine
folder, protected = Path(sys.argv[1]), sys.argv[2] == "confined"
if protected and not confine([folder / "own.wav"], folder / "work"):
    print("not offered")
    sys.exit()
def tell(word, act):
    try:
        act()
        print(word, "done")
    except PermissionError:
        print(word, "refused")
    except OSError:
        print(word, "failed")
tell("own", (folder / "own.wav").read_bytes)
tell("write", lambda: (folder / "work/new").write_bytes(b"x"))
tell("sibling", (folder / "other.wav").read_bytes)
tell("folder", lambda: list(folder.iterdir()))
tell("alter", lambda: (folder / "own.wav").write_bytes(b"x"))
tell("system", Path("/etc/passwd").read_bytes)
tell("connect", lambda: socket.create_connection(("127.0.0.1", 9), timeout=1))
"""


def tried(folder: Path, how: str) -> dict[str, str]:
    (folder / "work").mkdir()
    for name in ("own.wav", "other.wav"):
        (folder / name).write_bytes(b"sound")
    said = subprocess.run(
        [sys.executable, "-c", _TRY, str(folder), how], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    if said[0] == "not offered":
        pytest.skip("this kernel has no Landlock")
    return dict(line.split(" ", 1) for line in said if line)


def test_a_confined_process_keeps_its_recording_and_its_folder_and_loses_the_rest(tmp_path: Path) -> None:
    assert tried(tmp_path, "confined") == {
        "own": "done",
        "write": "done",
        "sibling": "refused",
        "folder": "refused",
        "alter": "refused",
        "system": "refused",
        "connect": "refused",
    }


def test_control_an_unconfined_process_reads_what_lies_beside(tmp_path: Path) -> None:
    found = tried(tmp_path, "free")
    assert found.pop("connect") == "failed"
    assert set(found.values()) == {"done"}


def test_a_system_without_it_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not confine([], tmp_path)
