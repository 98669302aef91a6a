"""One supervisor a home folder: whoever holds this lock. The kernel lets go of it when the holder dies."""

import fcntl
import json
import os
from pathlib import Path

from workers.stack.files import FILE_MODE
from workers.stack.processes import Identity


class SupervisorLock:
    """The lock file, which names its holder.

    The lock belongs to the open file: whoever starts a supervisor takes it and hands the descriptor down, so
    there is no moment in which two could start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> int | None:
        """Return the descriptor that holds the lock; none where another holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def holder(self) -> Identity | None:
        """Return the living supervisor that has signed the lock."""
        try:
            holder = Identity(**json.loads(self._path.read_text()))
        except (FileNotFoundError, ValueError):
            return None  # taken, and not signed yet
        return holder if holder.alive() else None


def sign(descriptor: int) -> None:
    """Write into the lock that this process holds it."""
    own = Identity.own()
    text = json.dumps({"pid": own.pid, "created": own.created}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)
