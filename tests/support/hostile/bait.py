"""Files that nobody may open, and the kernel's word on who did (inotify, Linux)."""

import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WATCHABLE = sys.platform.startswith("linux")
_OPENED, _READ = 0x20, 0x01
_EVENT = struct.Struct("iIII")


class Watch:
    """Notes each opening of the files it was given, whichever process opens them."""

    def __init__(self, paths: list[Path]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._queue >= 0, os.strerror(ctypes.get_errno())
        self._paths = {
            libc.inotify_add_watch(self._queue, str(path).encode(), _OPENED | _READ): path.name for path in paths
        }
        assert -1 not in self._paths, os.strerror(ctypes.get_errno())

    def opened(self) -> set[str]:
        """The names of the files opened since this was last asked."""
        found = set()
        while select.select([self._queue], [], [], 0)[0]:
            events = os.read(self._queue, 1 << 16)
            at = 0
            while at < len(events):
                watch, _, _, length = _EVENT.unpack_from(events, at)
                found.add(self._paths.get(watch, "overflow"))
                at += _EVENT.size + length
        return found

    def close(self) -> None:
        os.close(self._queue)


@contextmanager
def watched(*paths: Path) -> Iterator[Watch]:
    watch = Watch(list(paths))
    try:
        yield watch
    finally:
        watch.close()
