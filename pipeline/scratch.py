"""Folders for what is worked on and kept nowhere: what a process that was killed has left goes with the next start.

Recordings of people pass through them, and who deletes a person's data means these as well. Each folder holds a file
that its process has locked: no other process can, until that one is gone, however it went.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

NAME = "callsheet-scratch-"
_UNLOCKED = ".callsheet-unlocked-"
_OWNER = ".owner"


class Scratch:
    """An empty folder that no one else uses; closed, or with its process, it is gone."""

    def __init__(self) -> None:
        """Make the folder; raises `OSError` where there is no room."""
        unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED))
        self._owner = os.open(unlocked / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        # It takes its name once it is locked: whoever looks for leftovers would take it for one.
        self.path = unlocked.rename(unlocked.with_name(NAME + unlocked.name.removeprefix(_UNLOCKED)))

    def __enter__(self) -> Path:
        """Return where the folder is."""
        return self.path

    def __exit__(self, *_: object) -> None:
        """Delete the folder with all that is in it."""
        self.close()

    def close(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._owner)


def clear_leftovers() -> int:
    """Delete the folders of processes that are gone, and return how many there were."""
    return sum(_clear(folder) for folder in Path(tempfile.gettempdir()).glob(f"{NAME}*"))


def _clear(folder: Path) -> bool:
    try:
        owner = os.open(folder / _OWNER, os.O_RDWR)
    except FileNotFoundError:  # its deletion is under way, or was cut short
        shutil.rmtree(folder, ignore_errors=True)
        return True
    except OSError:  # another user's
        return False
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(owner)
